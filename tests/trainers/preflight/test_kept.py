"""Weights that a factory loads and tricks throw away."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.kept import check_kept_weights, loaded_by_factory
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.normalization import Normalization
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.weight_init import WeightInit
from preflighting import make_setup


def pretrained(num_classes: int, in_channels: int) -> nn.Module:
    """Return a network whose backbone is the same whatever the seed, frozen in part."""
    network = SmallResNet(8, 4, num_classes, in_channels)
    rng = torch.Generator().manual_seed(7)
    for parameter in network.stem.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not name.startswith("head"):
                parameter.copy_(torch.randn(parameter.shape, generator=rng))
    return network


BACKBONE = 27  # tensors of nine convolutions and their norms


@pytest.mark.parametrize(
    ("trick", "lost"),
    [
        (Trick(), 0),
        (SqueezeExcite(), 0),
        (Normalization("group", groups=2), 0),
        (WeightInit("he"), 9),
        (Normalization("none"), 18),
    ],
    ids=["own", "SE", "group", "he", "none"],
)
def test_thrown_away_tensors_are_counted(trick: Trick, lost: int) -> None:
    """Of those that do not depend on the seed, frozen ones too; the head is new."""
    setup = make_setup(build=pretrained, tricks={"optimizer": Sgd(), "trick": trick})
    assert len(loaded_by_factory(setup)) == BACKBONE
    finding = check_kept_weights(setup)
    assert finding is not None
    if lost == 0:
        assert finding.level is Level.OK
        assert finding.message == "all 27 loaded tensors stay"
    else:
        assert finding.level is Level.WARNING
        counted = f"{lost} of 27 tensors that model.build loads are overwritten or taken out: stem"
        assert finding.message.startswith(counted)
        assert "own" in finding.advice


def test_nothing_is_said_where_nothing_is_loaded() -> None:
    """New weights depend on the seed, and constants are no weights."""
    assert check_kept_weights(make_setup()) is None
