"""A number of runs that is asked for is the number that `plan` and `power` judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from commanding import FIVE, TINY, run_command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("plan", ["budget=60"], "For a spread of 0.2 points, usual on CIFAR-10: 60 runs suit"),
        ("power", ["budget=60"], "For a spread of 0.2: 60 runs suit"),
    ],
)
def test_runs_of_a_budget_are_those_judged(
    command: str, words: list[str], said: str, tmp_path: Path
) -> None:
    """Not those of the first round of the race, nor those that a screen usually has."""
    done = run_command("checklist", command, *TINY, FIVE, *words, folder=tmp_path, COLUMNS="200")
    assert said in " ".join(done.stdout.split()), done.stderr


def test_power_has_the_runs_that_are_asked_for(tmp_path: Path) -> None:
    """Of a budget, of a screen, and of hours none before a run has trained."""
    own = [*TINY, FIVE, f"runtime.out='{tmp_path}'"]
    found = {
        words: api.power([*own, *words.split()])
        for words in ("seeds=3", "budget=60", "design=screen runs=40", "budget=2h")
    }
    assert {words: (known.runs, known.untimed) for words, known in found.items()} == {
        "seeds=3": (None, False),
        "budget=60": (60, False),
        "design=screen runs=40": (40, False),
        "budget=2h": (None, True),
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [(["runs=40"], "write design=screen"), (["design=screen", "budget=60"], "one trick at a time")],
)
def test_power_refuses_what_plan_refuses(words: list[str], said: str) -> None:
    """The runs of a screen without one, and a race of one."""
    ends = []
    for command in (api.plan, api.power):
        with pytest.raises(UserError, match=said) as end:
            command([*TINY, FIVE, *words])
        ends.append(str(end.value))
    assert ends[0] == ends[1]
