"""drop_path: how often, how strongly, where, and not in evaluation."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.drop_path import DropPath, DropPathLayer, drop_rates
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite

CONTRACT = {"changes": ["loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def rates(model: nn.Module) -> list[float]:
    return [m.rate for m in model.modules() if isinstance(m, DropPathLayer)]


def own_rates(model: nn.Module) -> list[float]:
    own = [m for m in model.modules() if type(m).__name__ in ("StochasticDepth", "DropPath")]
    return [m.p if hasattr(m, "p") else m.drop_prob for m in own]


def test_rates_rise_linearly_to_the_last_block() -> None:
    """Huang et al., equation 4: survival 1 - l / L (1 - p_L)."""
    survival = [1 - rate for rate in drop_rates(4, 0.2)]
    assert survival == pytest.approx([1 - block / 4 * (1 - 0.8) for block in (1, 2, 3, 4)])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_layer_is_torchvisions(rate: float) -> None:
    """Bit for bit, from the same draws; and the mean stays."""
    x = torch.randn(1000, 2, 3, 3) + 1
    torch.manual_seed(0)
    expected = torchvision.ops.stochastic_depth(x, rate, "row")
    torch.manual_seed(0)
    dropped = DropPathLayer(rate)(x)
    torch.testing.assert_close(dropped, expected)
    zero = dropped.flatten(1).eq(0).all(1)
    assert zero.float().mean().item() == pytest.approx(rate, abs=0.05)
    assert dropped.mean().item() == pytest.approx(x.mean().item(), rel=0.1)
    assert DropPathLayer(rate).eval()(x) is x


@pytest.mark.parametrize(
    ("build", "blocks"),
    [(lambda: SmallResNet(20), 9), (torchvision.models.resnet50, 16)],
    ids=["small", "resnet50"],
)
def test_every_residual_branch_drops(build: type[nn.Module], blocks: int) -> None:
    """Evaluation is what it was, and names of tensors are."""
    model = build().eval()
    expected = model(EXAMPLE)
    edited = DropPath(0.2).edit_model(copy.deepcopy(model), EXAMPLE)
    assert rates(edited) == pytest.approx([0.2 * b / blocks for b in range(1, blocks + 1)])
    assert torch.equal(edited.eval()(EXAMPLE), expected)
    assert list(edited.state_dict()) == list(model.state_dict())


def test_a_dropped_branch_leaves_the_shortcut() -> None:
    """Image by image; what is kept is divided by the chance to be kept. After a gate, too."""
    model = SqueezeExcite().edit_model(SmallResNet(8), EXAMPLE)
    block = DropPath(0.9).edit_model(model, EXAMPLE).eval().blocks[0]
    block.act2 = nn.Identity()
    x = torch.randn(64, 16, 8, 8)
    (layer,) = (m for m in block.modules() if isinstance(m, DropPathLayer))
    with torch.no_grad():
        branch = (block(x) - x).flatten(1)
        layer.train()
        left = (block(x) - x).flatten(1)
    zero = left.eq(0).all(1)
    assert 5 < zero.sum() < 40  # three in ten
    expected = branch[~zero] / (1 - layer.rate)
    torch.testing.assert_close(left[~zero], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "build",
    [
        torchvision.models.efficientnet_b0,
        lambda: timm_classifier("convnext_atto", 10, 3, drop_path_rate=0.3),
    ],
    ids=["torchvision", "timm"],
)
def test_the_networks_own_gives_way(build: type[nn.Module]) -> None:
    """Where a rate is asked for; with rate 0 the network stays as it is."""
    edited = DropPath(0.1).edit_model(build(), EXAMPLE)
    assert set(own_rates(edited)) == {0.0}
    assert rates(edited)
    model = build()
    kept = own_rates(model)
    assert max(kept) > 0
    unedited = DropPath(0.0).edit_model(model, EXAMPLE)
    assert own_rates(unedited) == kept
    assert rates(unedited) == []


def test_own_stochastic_depth_without_a_rate_to_set_is_taken_out() -> None:
    """Whatever class of that name a network has."""

    class Doubling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if self.training else x

    Doubling.__name__ = "DropPath"
    model = SmallResNet(8)
    model.blocks[0].bn2 = nn.Sequential(model.blocks[0].bn2, Doubling())
    edited = DropPath(0.1).edit_model(model, EXAMPLE)
    assert not any(isinstance(module, Doubling) for module in edited.modules())


def test_drop_path_needs_branches_that_end_in_a_module() -> None:
    """And says which of both is missing."""

    class Inline(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((x + self.conv(x).sin()).mean((2, 3)))

    with pytest.raises(NotApplicable, match="none ends in a layer"):
        DropPath(0.1).edit_model(Inline(), EXAMPLE)
    with pytest.raises(NotApplicable, match="no sum of two"):
        DropPath(0.1).edit_model(torchvision.models.squeezenet1_1(), EXAMPLE)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rate_has_a_range(rate: float) -> None:
    """One line."""
    with pytest.raises(ValueError, match=f"rate={rate}"):
        DropPath(rate)
