"""Cross-validation as it is asked for: a seed a fold, and an identity that older trials keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api
from darkmagic.sweeps.track.rules import parse_rules, read_rules
from darkmagic.sweeps.trial.identity import ADDED, identity, resolve
from sweeping import TINY

TWO = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"


def _plan(folder: Path, *overrides: str) -> api.PlannedSweep:
    return api.plan([*TINY, TWO, f"runtime.out='{folder}'", *overrides])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["folds=5"], "folds=5 with seeds=1: .*give a multiple: seeds=5"),
        (["folds=4", "seeds=6"], "give a multiple: seeds=8"),
        (["folds=2", "seeds=2", "design=screen"], "folds=2 is of one trick at a time"),
        (["folds=1"], "folds=1"),
    ],
)
def test_folds_without_a_seed_each_are_refused(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    """Before anything starts, with the number of seeds that there should be."""
    with pytest.raises(UserError, match=message):
        _plan(tmp_path, *overrides)


def test_folds_are_seeds_of_all_trials_alike(tmp_path: Path) -> None:
    """The baseline has no runs beyond them, and the rules know how training sets overlap."""
    planned = _plan(tmp_path, "folds=5", "seeds=5")
    seeds = {(trial.name, trial.seed) for trial in planned.plan.trials}
    assert seeds == {(name, seed) for name in ("baseline", "mixup=on") for seed in range(5)}
    rules = read_rules(planned.config)
    assert rules.overlap == pytest.approx(1 / 4)
    assert parse_rules('{"min_effect": 0.1, "floor": null}').overlap == 0


def test_new_keys_leave_the_identity_of_trials_before_them(tmp_path: Path) -> None:
    """At the values that have no effect; at others they are part of it."""
    config = resolve(_plan(tmp_path).config)
    before = {key: value for key, value in config.items() if key not in (*ADDED, "metric")}
    assert identity(config) == identity(before)
    assert identity({**config, "metric": "loss"}) == identity(before)
    for key, value in (("folds", 5), ("gradient_accumulation", 2)):
        assert identity({**config, key: value}) != identity(before)
