"""What a dry run tries: what the same command would train."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.commands.dry_run import dry_run_overrides
from darkmagic.sweeps.commands.plan import plan

MIXUP, RATES = {"mixup=on"}, {"lr_regime=gamma_decay", "lr_regime=cosine"}


@pytest.mark.parametrize(
    ("only", "tried"),
    [
        ("only=mixup", MIXUP),
        ("only=[mixup,lr_regime]", MIXUP | RATES),
        ("seeds=+2 only=[lr_regime=cosine,mixup]", MIXUP | {"lr_regime=cosine"}),
        ("seeds=+2 only=undecided", None),  # which are undecided tells an earlier run
        ("seeds=+2", None),
        ("", None),
    ],
)
def test_named_trials_alone_are_tried(only: str, tried: set[str] | None) -> None:
    """Beside the baseline; where an earlier run would tell, all of them are."""
    overrides = ["checklist=article", "dataset=cifar10", *only.split()]
    with dry_run_overrides(overrides) as words:
        trials = plan(words).trials
    names = [trial.name for trial in trials]
    assert names[0] == "baseline"
    if tried is None:
        assert len(names) == 16
    else:
        assert sorted(names[1:]) == sorted(tried)
