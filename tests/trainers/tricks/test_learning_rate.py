"""learning_rate: every group's rate times the factor."""

from __future__ import annotations

import pytest

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.tricks.batch_size import BatchSize
from darkmagic.trainers.tricks.learning_rate import LearningRate
from darkmagic.trainers.tricks.optimizer import Muon, Sgd
from training import make_recipe

CONTRACT = {"changes": ["numbers"]}


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_every_group_takes_the_factor(factor: float) -> None:
    """Muon's two rates and SGD's one; with another batch size both multiply."""
    for optimizer, rates in ((Sgd(lr=0.1), {0.1}), (Muon(lr=0.02, adamw_lr=1e-3), {0.02, 1e-3})):
        tricks = {"rate": LearningRate(factor), "batch": BatchSize(2), "optimizer": optimizer}
        recipe = edit_recipe(make_recipe(**tricks))
        built = Hooks(recipe.tricks, 0).build_optimizer(SmallResNet(8), recipe.lr_scale)
        found = sorted({group["base_lr"] for group in built.param_groups})
        assert found == pytest.approx(sorted(rate * factor * 2 for rate in rates))


def test_factor_has_a_range() -> None:
    """One line."""
    with pytest.raises(ValueError, match="factor=0"):
        LearningRate(0)
