"""training_length: how many epochs are trained, and that schedules stretch with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.training_length import TrainingLength
from training import make_recipe, trained_checkpoint


@pytest.mark.parametrize(
    ("factor", "epochs"), [(2.0, 8), (0.5, 2), (1.0, 4), (0.4, 2), (0.01, 1), (1.6, 6)]
)
def test_epochs_are_multiplied_and_rounded(factor: float, epochs: int) -> None:
    """Of four epochs as many are trained, and one is left whatever the factor."""
    assert edit_recipe(make_recipe(4, length=TrainingLength(factor))).epochs == epochs


def test_schedules_end_where_training_ends(tmp_path: Path) -> None:
    """Twice as many epochs anneal to the same end, by the share of the whole training."""
    tricks = {"optimizer": Sgd(lr=0.05), "lr_regime": Cosine(), "length": TrainingLength(2.0)}
    result, checkpoint = trained_checkpoint(make_recipe(2, **tricks), tmp_path / "a")
    steps = [event["steps"] for event in checkpoint["history"]]
    assert result["epochs"] == len(steps) == 4
    last = Cosine().lr_factor(1 - 1 / sum(steps))
    assert checkpoint["history"][-1]["lr"] == pytest.approx(0.05 * last)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_factor_has_a_range(factor: float) -> None:
    """The message says what is needed."""
    with pytest.raises(ValueError, match="need"):
        TrainingLength(factor)
