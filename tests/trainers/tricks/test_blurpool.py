"""blurpool: the filter, where it goes, and that shifts matter less."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from timm.layers import BlurPool2d as TimmBlurPool2d
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models.blur import BlurPool2d
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.blurpool import BlurPool

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def blurs(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, BlurPool2d)]


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pixels", [8, 9])
def test_the_filter_is_timms(size: int, stride: int, pixels: int) -> None:
    """Binomial, reflected at the border."""
    x = torch.randn(2, 4, pixels, pixels + 1)
    expected = TimmBlurPool2d(4, filt_size=size, stride=stride)(x)
    torch.testing.assert_close(BlurPool2d(size, stride)(x), expected)


def test_it_keeps_constants_and_no_state() -> None:
    """The kernel sums to 1, and is no weight."""
    layer = BlurPool2d(3)
    torch.testing.assert_close(layer(torch.ones(1, 2, 6, 6)), torch.ones(1, 2, 3, 3))
    assert list(layer.state_dict()) == []


def test_resnet18_written_out() -> None:
    """Zhang's order: pooling at stride 1 then blur; convolution, norm, activation, then blur."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=10).eval()
    edited = BlurPool().edit_model(copy.deepcopy(model), EXAMPLE).eval()
    blur = BlurPool2d(3)
    x = model.bn1(model.conv1(EXAMPLE)).relu()
    x = blur(F.max_pool2d(x, 3, 1, 1))
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in layer:
            out = F.conv2d(x, block.conv1.weight, padding=1)
            out = block.bn1(out).relu()
            shortcut = x
            if block.stride == 2:
                out, (convolution, norm) = blur(out), block.downsample
                shortcut = norm(blur(F.conv2d(x, convolution.weight)))  # before it is the same
            x = (block.bn2(block.conv2(out)) + shortcut).relu()
    torch.testing.assert_close(edited(EXAMPLE), model.fc(x.mean((2, 3))), rtol=1e-4, atol=1e-4)
    assert len(blurs(edited)) == 7
    assert edited.conv1.stride == (2, 2)
    assert list(edited.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: SmallResNet(20), 2),
        (lambda: torchvision.models.vgg11_bn(init_weights=False), 5),
        (torchvision.models.mobilenet_v2, 4),
        (torchvision.models.densenet121, 1),
        (lambda: timm_classifier("efficientnet_b0", 10, 3), 4),
        (torchvision.models.convnext_tiny, 3),
    ],
    ids=["small", "vgg", "mobilenet", "densenet", "timm", "convnext"],
)
def test_places_in_other_networks(build: type[nn.Module], count: int) -> None:
    """All but the first convolution; they still train."""
    edited = BlurPool().edit_model(build(), EXAMPLE)
    assert len(blurs(edited)) == count
    edited(EXAMPLE).sum().backward()
    strided = [
        m for m in edited.modules() if isinstance(m, nn.Conv2d) and m.stride not in (1, (1, 1))
    ]
    assert len(strided) <= 1


def test_shifts_change_the_result_less() -> None:
    """What it is for: features of an image and of its shift by a pixel, on average."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=64).train()
    smooth = F.interpolate(torch.randn(8, 3, 16, 16), 80, mode="bicubic")
    here, there = smooth[..., 8:72, 8:72], smooth[..., 8:72, 9:73]

    def change(network: nn.Module) -> float:
        with torch.no_grad():
            one, other = network.eval()(here), network(there)
        return ((one - other).norm() / (one - one.mean(0)).norm()).item()

    edited = BlurPool().edit_model(copy.deepcopy(model), EXAMPLE)
    assert change(edited) < 0.8 * change(model)


def test_where_it_does_not_apply_it_says_why() -> None:
    """Nothing strided but the first convolution; maps that are too small to reflect."""
    one = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 3), nn.Flatten())
    with pytest.raises(NotApplicable, match="no max pooling with a stride"):
        BlurPool().edit_model(one, EXAMPLE)
    small = nn.Sequential(nn.Conv2d(3, 4, 63), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 10))
    with pytest.raises(NotApplicable, match="another size"):
        BlurPool().edit_model(small, EXAMPLE)


@pytest.mark.parametrize("size", [1, 8])
def test_size_has_a_range(size: int) -> None:
    """As the paper's: 2 to 7."""
    with pytest.raises(ValueError, match=f"size={size}"):
        BlurPool(size)
