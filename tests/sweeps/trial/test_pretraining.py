"""A trial's configuration without its pretraining."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.trial.pretraining import without_pretraining, without_upstream_training

OTHERS = {"mixup": {"alpha": 0.2}}


def test_trial_without_pretraining_keeps_all_else() -> None:
    """Tricks about pretrained weights go, the configuration that was given stays as it is."""
    tricks = {**OTHERS, "pretrain": {"weights": "torchvision:x"}, "transfer": {"factor": 0.1}}
    resolved = {"epochs": 3, "tricks": tricks}
    assert without_pretraining(resolved) == {"epochs": 3, "tricks": OTHERS}
    assert resolved["tricks"] == tricks


@pytest.mark.parametrize(("weights", "stays"), [("upstream", False), ("torchvision:x", True)])
def test_only_upstream_weights_are_left_out(weights: str, stays: bool) -> None:
    """Weights that exist stay: only those that the trial would train itself first are left out."""
    resolved = {"tricks": {**OTHERS, "pretrain": {"weights": weights}}}
    assert ("pretrain" in without_upstream_training(resolved)["tricks"]) is stays
    assert without_upstream_training({"tricks": OTHERS}) == {"tricks": OTHERS}
