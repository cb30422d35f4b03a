"""convolution: how many weights separating saves, and where it would cost some."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.separable import parameters_saved
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.convolution import (
    DepthwiseSeparable,
    SeparableConv2d,
    savings,
)

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_posts_example_has_33920_weights() -> None:
    """3 x 3, 128 to 256 channels: 1,152 + 32,768; and not 99,456."""
    plain = nn.Conv2d(128, 256, 3, bias=False)
    assert count(plain) == 294_912
    assert count(SeparableConv2d(plain)) == 33_920
    assert parameters_saved((3, 3), 128, 256) == 294_912 - 33_920


@pytest.mark.parametrize("kernel", [1, 3, (1, 7)])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 1), (8, 8), (64, 10)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_count_is_that_of_the_layers(
    kernel: int | tuple[int, int], inputs: int, outputs: int, bias: bool
) -> None:
    """Whatever the shape; for a 1 x 1 kernel it costs the depthwise weights."""
    plain = nn.Conv2d(inputs, outputs, kernel, bias=bias)
    saved = parameters_saved(plain.kernel_size, inputs, outputs)
    assert saved == count(plain) - count(SeparableConv2d(plain))
    assert kernel != 1 or saved == -inputs


def test_it_is_the_plain_convolution_of_the_product() -> None:
    """Of kernels W[o, i] = pointwise[o, i] * depthwise[i], with stride, padding and bias."""
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 9, (3, 5), stride=2, padding=(1, 2), dilation=1)
    separable = SeparableConv2d(plain)
    depthwise, pointwise = separable
    plain.weight.data = pointwise.weight * depthwise.weight[None, :, 0]
    plain.bias.data = nn.init.normal_(pointwise.bias)
    x = torch.randn(2, 6, 11, 12)
    torch.testing.assert_close(separable(x), plain(x))


def test_variance_stays_as_with_he() -> None:
    """Of maps of variance 1: 2, as one layer drawn by He's rule gives."""
    torch.manual_seed(0)
    plain = nn.Conv2d(256, 256, 3)
    x = torch.randn(4, 256, 16, 16)
    assert SeparableConv2d(plain)(x).var().item() == pytest.approx(2, rel=0.1)


def test_resnet50_keeps_its_1x1_convolutions_and_its_first() -> None:
    """Sixteen 3 x 3 ones are replaced, each saving what it says."""
    model = torchvision.models.resnet50(num_classes=10)
    promised = savings(model, EXAMPLE)
    before = {name: count(m) for name, m in model.named_modules()}
    edited = DepthwiseSeparable().edit_model(model, EXAMPLE)
    replaced = [n for n, m in edited.named_modules() if isinstance(m, SeparableConv2d)]
    assert replaced == list(promised)
    assert len(replaced) == 16
    assert all(name.endswith(".conv2") for name in replaced)
    for name in replaced:
        assert before[name] - count(edited.get_submodule(name)) == promised[name] > 0
    assert before[""] - count(edited) == sum(promised.values())


def test_shapes_stay() -> None:
    """With strides and without."""
    model = SmallResNet(20)
    shape = model(EXAMPLE).shape
    edited = DepthwiseSeparable().edit_model(model, EXAMPLE)
    assert edited(EXAMPLE).shape == shape
    assert sum(isinstance(m, SeparableConv2d) for m in edited.modules()) == 18


@pytest.mark.parametrize(
    "build", [torchvision.models.mobilenet_v2, lambda: nn.Sequential(nn.Conv2d(3, 9, 3))]
)
def test_where_nothing_is_saved_it_says_so(build: type[nn.Module]) -> None:
    """Networks of depthwise and 1 x 1 convolutions, or of one."""
    with pytest.raises(NotApplicable, match="no convolution of the model would be smaller"):
        DepthwiseSeparable().edit_model(build(), EXAMPLE)
