"""Weights that are computed from other parameters: set, zeroed, or refused with a reason."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.weights import has_own_weight, is_plain, set_weight, zero_weight
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.activation import Activation
from darkmagic.trainers.tricks.convolution import Convolution
from darkmagic.trainers.tricks.model_size import ModelSize
from darkmagic.trainers.tricks.weight_init import WeightInit
from darkmagic.trainers.tricks.zero_init_residual import ZeroInitResidual

EXAMPLE = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
warnings.filterwarnings("ignore", category=FutureWarning)  # torch's older ways are old


class _Symmetric(nn.Module):
    """A parametrisation without a way back."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.tanh()


def _own(layer: nn.Module) -> nn.Module:
    return parametrize.register_parametrization(layer, "weight", _Symmetric())


KINDS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight_norm": parametrizations.weight_norm,
    "weight_norm of all": lambda layer: parametrizations.weight_norm(layer, dim=None),
    "weight_norm by a hook": nn.utils.weight_norm,
    "weight_norm of all by a hook": lambda layer: nn.utils.weight_norm(layer, dim=None),
    "spectral_norm": parametrizations.spectral_norm,
    "spectral_norm by a hook": nn.utils.spectral_norm,
    "own": _own,
}
KEEPING = [name for name in KINDS if name.startswith("weight_norm")]
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def _computed(kind: str) -> nn.Module:
    torch.manual_seed(0)
    model = SmallResNet(8, 4)
    for module in list(model.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            KINDS[kind](module)
    return model


@pytest.mark.parametrize("layer", [lambda: nn.Conv2d(3, 4, 3), lambda: nn.Linear(6, 5)])
@pytest.mark.parametrize("kind", KEEPING)
def test_weight_that_is_set_is_the_weight(kind: str, layer: Callable[[], nn.Module]) -> None:
    """Weight norm gives back what it is given, also in a forward pass, and zeros too."""
    module = KINDS[kind](layer())
    value = torch.randn(module.weight.shape)
    set_weight(module, value)
    torch.testing.assert_close(module.weight.detach(), value)
    zero_weight(module)
    module.bias.data.zero_()
    shape = (2, 3, 5, 5) if isinstance(module, nn.Conv2d) else (2, 6)
    assert module(torch.randn(shape)).eq(0).all()
    assert not has_own_weight(module)


def test_plain_layers_are_those_of_torch_with_a_weight_of_their_own() -> None:
    """A subclass is none, nor is what computes its weight."""

    class Standardised(nn.Conv2d):
        pass

    assert is_plain(nn.Conv2d(3, 4, 3))
    assert is_plain(nn.Linear(3, 4))
    assert has_own_weight(Standardised(3, 4, 3))
    assert not is_plain(Standardised(3, 4, 3))
    for wrap in KINDS.values():
        assert not is_plain(wrap(nn.Conv2d(3, 4, 3)))
    assert not is_plain(nn.BatchNorm2d(3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "trick",
    [WeightInit("xavier"), ZeroInitResidual(), Activation("maxout"), ModelSize(2), Convolution()],
    ids=lambda trick: type(trick).__name__,
)
def test_edit_of_a_computed_weight_acts_or_says_why_not(kind: str, trick: Trick) -> None:
    """No edit is lost without a word, leaves half of itself, or breaks the network."""
    model = _computed(kind).train()
    model(EXAMPLE)
    before = [p.detach().clone() for p in model.parameters()]
    edited, refused = None, ""
    try:
        edited = trick.edit_model(model, EXAMPLE)
    except NotApplicable as reason:
        refused = str(reason)
    if edited is None:
        said = ("computed", "finds no", "smaller", "ParametrizationList, which holds weights")
        assert any(words in refused for words in said)
        return
    after = list(edited.parameters())
    assert any(
        a.shape != b.shape or not torch.equal(a, b) for a, b in zip(after, before, strict=False)
    )
    edited(EXAMPLE).sum().backward()


@pytest.mark.parametrize("kind", KEEPING)
def test_first_weights_are_those_of_the_scheme(kind: str) -> None:
    """Drawn by the scheme, as they are without a parametrisation."""
    model, plain = _computed(kind), SmallResNet(8, 4)
    for each in (model, plain):
        torch.manual_seed(1)
        WeightInit("xavier").edit_model(each, EXAMPLE)
    for name in ("stem.0", "blocks.1.conv2", "head"):
        ours, theirs = (each.get_submodule(name).weight for each in (model, plain))
        torch.testing.assert_close(ours.detach(), theirs.detach())


@pytest.mark.parametrize("kind", KEEPING)
def test_residual_branches_of_computed_weights_are_zero(kind: str) -> None:
    """Where a branch ends in no norm."""
    model = _computed(kind)
    for block in model.blocks:
        block.bn2 = nn.Identity()
    block = ZeroInitResidual().edit_model(model, EXAMPLE).eval().blocks[0]
    x = torch.rand(2, 4, 8, 8)
    assert torch.equal(block(x), x)


def test_refused_zero_leaves_the_network_out_of_training() -> None:
    """Spectral norm divides by the weight's own norm: there is no zero."""
    model = _computed("spectral_norm")
    for block in model.blocks:
        block.bn2 = nn.Identity()
    with pytest.raises(NotApplicable, match="computed by SpectralNorm and cannot be zero"):
        ZeroInitResidual().edit_model(copy.deepcopy(model), EXAMPLE)
