"""zero_init_residual: which scales are zero, and what blocks then compute."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.hooks import Hooks, refuse_conflicts
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Conflict, NotApplicable, Trick
from darkmagic.trainers.tricks.normalization import Normalization
from darkmagic.trainers.tricks.pretrain import Pretrained
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.weight_init import WeightInit
from darkmagic.trainers.tricks.zero_init_residual import ZeroInitResidual

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_zeroed_norms_are_those_of_torchvisions_own_option(name: str) -> None:
    """Its `zero_init_residual=True` is the reference."""
    build = torchvision.models.get_model_builder(name)
    expected = build(zero_init_residual=True)
    edited = ZeroInitResidual().edit_model(build(), EXAMPLE)
    norms = [n for n, m in expected.named_modules() if isinstance(m, nn.BatchNorm2d)]
    zero = {n for n in norms if expected.get_submodule(n).weight.eq(0).all()}
    assert zero == {n for n in norms if edited.get_submodule(n).weight.eq(0).all()}
    assert len(zero) in (8, 16)


def test_zeroed_norms_are_those_of_timms() -> None:
    """Its networks have it by default."""
    expected = timm_classifier("resnet26", 10, 3)
    plain = timm_classifier("resnet26", 10, 3, zero_init_last=False)
    edited = ZeroInitResidual().edit_model(plain, EXAMPLE)
    for name, module in expected.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.weight, edited.get_submodule(name).weight), name


@pytest.mark.parametrize(
    "before", [Trick(), Normalization("none"), SqueezeExcite()], ids=["nothing", "no norms", "SE"]
)
def test_every_block_starts_as_its_shortcut(before: Trick) -> None:
    """With norms, without any, and with a gate at the branch's end."""
    model = before.edit_model(SmallResNet(20), EXAMPLE)
    edited = ZeroInitResidual().edit_model(model, EXAMPLE).eval()
    x = torch.rand(2, 16, 8, 8)
    torch.testing.assert_close(edited.blocks[0](x), x, rtol=0, atol=0)
    down = edited.blocks[3]
    torch.testing.assert_close(down(x), down.shortcut(x[down.subsample]).relu())


def test_convnext_blocks_start_as_their_shortcut() -> None:
    """Their branch ends in a linear layer."""
    model = torchvision.models.convnext_tiny(num_classes=10)
    edited = ZeroInitResidual().edit_model(model, EXAMPLE).eval()
    x = torch.randn(2, 96, 8, 8)
    torch.testing.assert_close(edited.features[1](x), x)


def test_zero_init_needs_residual_branches() -> None:
    """VGG has none."""
    with pytest.raises(NotApplicable, match="no residual branch"):
        ZeroInitResidual().edit_model(torchvision.models.vgg11(init_weights=False), EXAMPLE)


def test_zeros_come_after_other_first_values() -> None:
    """Whatever the order of the configuration; without norms it matters."""
    tricks = {
        "zero_init_residual": ZeroInitResidual(),
        "weight_init": WeightInit("xavier"),
        "normalization": Normalization("none"),
    }
    model = Hooks(tricks, 0).edit_model(SmallResNet(8), EXAMPLE)
    assert model.blocks[0].conv2.weight.eq(0).all()
    assert model.blocks[0].conv1.weight.std() > 0


@pytest.mark.parametrize("after_edits", [False, True])
def test_pretrained_weights_rule_it_out(after_edits: bool) -> None:
    """It would be written over them, or they over it."""
    pretrained = Pretrained("w.pt", after_edits=after_edits)
    with pytest.raises(Conflict, match="erase the pretrained scales"):
        refuse_conflicts({"pretrain": pretrained, "init": ZeroInitResidual()})
    refuse_conflicts({"pretrain": Trick(), "init": ZeroInitResidual()})
