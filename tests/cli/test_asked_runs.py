"""A number of runs that is asked for is the number that `plan` and `power` judge."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from commanding import FIVE, TINY, run_command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api

MIXUP = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"


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


ASKED = ["budget=60", "seeds=+2 only=undecided", "design=screen runs=16", "seeds=3 only=[mixup]"]


@pytest.mark.parametrize("words", ASKED)
def test_tricks_are_tried_whatever_a_sweep_is_asked_for(words: str) -> None:
    """The words of a sweep can be given as they are, and those of its network are those printed."""
    own = ["model=resnet8", *TINY, MIXUP]
    assert api.of_a_run([*own, *words.split()]) == own
    name, rows = api.tricks_on([*own, *words.split()])
    assert (name, [row.option for row in rows]) == ("resnet8", ["mixup=off", "mixup=on"])


def test_plan_ends_with_a_command_that_runs(tmp_path: Path) -> None:
    """The command that tries each trick on the network has no budget, and does what it says."""
    words = [*TINY, MIXUP, "budget=60"]
    done = run_command("checklist", "plan", *words, folder=tmp_path, COLUMNS="200")
    printed = shlex.split(done.stderr.strip().splitlines()[-1].partition(": ")[2])
    assert printed == ["darkmagic", "tricks", "--on", *TINY, MIXUP]
    _, rows = api.tricks_on(printed[3:])
    assert [row.option for row in rows] == ["mixup=off", "mixup=on"]
