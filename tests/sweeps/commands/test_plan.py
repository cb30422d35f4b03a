"""Plan of a sweep: made once, whatever the commands do with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.planning.baseline import best_repeats
from darkmagic.sweeps import api
from darkmagic.sweeps.compose.plan import Planner
from sweeping import TINY, Recorder

ONE_TRICK = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by a name with each checklist read and each plan made."""
    made: list[str] = []
    for name in ("__init__", "plan", "plan_combination"):
        method = getattr(Planner, name)

        def counted(*args: Any, name: str = name, method: Any = method, **kwargs: Any) -> Any:
            made.append(name)
            return method(*args, **kwargs)

        monkeypatch.setattr(Planner, name, counted)
    return made


def test_sweep_and_its_checks_share_one_plan(tmp_path: Path, plans: list[str]) -> None:
    """A run and the checks before it read the checklist once, and so does an extension."""
    overrides = [*TINY, ONE_TRICK, "max_steps=1", "floor=0", f"runtime.out='{tmp_path}'"]
    planned = api.plan(overrides, will_train=True)
    outcome = api.sweep(planned, Recorder())
    assert outcome.plan is planned.plan
    assert api.preflight(planned, unless_trained=True) == []
    assert plans == ["__init__", "plan"]
    plans.clear()
    more = api.plan([*overrides, "seeds=+1"])
    assert [(trial.name, trial.seed) for trial in more.plan.trials] == [
        ("baseline", 0),
        ("mixup=on", 0),
        ("baseline", 1),
        ("mixup=on", 1),
    ]
    assert api.sweep(more, Recorder()).plan is more.plan
    assert plans == ["__init__", "plan"]


def test_plan_of_bad_overrides_writes_nothing(tmp_path: Path, plans: list[str]) -> None:
    """An error in an override ends a plan before the checklist is read, and leaves no file."""
    out = f"runtime.out='{tmp_path}/runs'"
    with pytest.raises(UserError, match="did you mean epochs"):
        api.plan([*TINY, out, "epocs=3"])
    assert plans == []
    with pytest.raises(UserError, match="none of this recipe yet"):
        api.plan([*TINY, out, "seeds=+1"])
    assert plans == ["__init__"]
    assert not (tmp_path / "runs").exists()


def test_auto_gives_the_baseline_more_runs(tmp_path: Path) -> None:
    """`baseline_repeats=auto`, the default, takes what is best for the budget."""
    planned = api.plan([*TINY, f"runtime.out={tmp_path}", "seeds=3"])
    names = Counter(trial.name for trial in planned.plan.trials)
    expected = best_repeats(len(names) - 1, 3)
    assert expected > 3
    assert names.pop("baseline") == expected
    assert set(names.values()) == {3}
    only = api.plan([*TINY, f"runtime.out={tmp_path}", "seeds=3", "only=mixup"]).plan.trials
    assert Counter(trial.name for trial in only) == {"baseline": expected, "mixup=on": 3}
    single = api.plan([*TINY, f"runtime.out={tmp_path}"]).plan.trials
    assert {trial.seed for trial in single} == {0}
