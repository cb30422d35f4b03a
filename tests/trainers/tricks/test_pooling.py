"""pooling: what loses resolution between stages."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Conflict, NotApplicable
from darkmagic.trainers.tricks.normalization import Normalization
from darkmagic.trainers.tricks.pooling import Pooling, response_norm
from two_stages import kinds, two_stages

CONTRACT = {"changes": ["network", "loss", "update"], "network": "pooled", "same": ["max"]}

EXAMPLE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_average_is_of_the_pixels_that_are_there() -> None:
    """Padding counts for none."""
    torch.manual_seed(0)
    model = two_stages()
    x = model[1](model[0](EXAMPLE))
    ones = torch.ones_like(x)
    sums = [F.avg_pool2d(maps, 3, 2, 1, divisor_override=1) for maps in (x, ones)]
    expected = model[3:](sums[0] / sums[1])
    edited = Pooling("average").edit_model(model, EXAMPLE)
    torch.testing.assert_close(edited(EXAMPLE), expected)
    back = Pooling("max").edit_model(copy.deepcopy(edited), EXAMPLE)
    assert isinstance(back[2], nn.MaxPool2d)


def test_a_strided_convolution_has_the_poolings_shape_and_is_activated() -> None:
    """C to C channels; the activation is that of the map before."""
    model = two_stages(nn.SiLU)
    shape = model[:3](EXAMPLE).shape
    edited = Pooling("strided_convolution").edit_model(model, EXAMPLE)
    convolution, act = edited[2]
    assert edited[:3](EXAMPLE).shape == shape
    assert convolution.weight.shape == (6, 6, 3, 3)
    assert (convolution.stride, convolution.padding) == ((2, 2), (1, 1))
    assert isinstance(act, nn.SiLU)
    assert act is not edited[1]


def test_response_norm_is_alexnets() -> None:
    """Over (2 + 1e-4 sum of squares)^0.75 of five neighbours; PyTorch's alpha is for the mean."""
    x = torch.randn(2, 7, 3, 3) * 100
    expected = torch.empty_like(x)
    for channel in range(7):
        near = x[:, max(0, channel - 2) : channel + 3]
        expected[:, channel] = x[:, channel] / (2 + 1e-4 * near.square().sum(1)) ** 0.75
    torch.testing.assert_close(response_norm(5)(x), expected)


def test_lrn_stands_before_each_max_pooling() -> None:
    """After the activation, as in AlexNet, whose two of three it had there."""
    model = torchvision.models.alexnet()
    edited = Pooling("lrn").edit_model(model, EXAMPLE)
    norms = [n for n, m in edited.named_modules() if isinstance(m, nn.LocalResponseNorm)]
    assert norms == [f"features.{i}.lrn" for i in (2, 5, 12)]
    assert edited(EXAMPLE).shape == (2, 1000)


def test_lrn_does_not_share_its_place_with_another_norm() -> None:
    """Found in the recipe, and where the recipe does not say, in the model."""
    for name in ("batch", "group"):
        tricks = {"pooling": Pooling("lrn"), "normalization": Normalization(name)}
        with pytest.raises(Conflict, match=rf"pooling .* normalization: LRN and {name} norm"):
            refuse_conflicts(tricks)
    refuse_conflicts({"pooling": Pooling("lrn"), "normalization": Normalization("none")})
    refuse_conflicts({"pooling": Pooling("max"), "normalization": Normalization("batch")})
    model = torchvision.models.vgg11_bn(init_weights=False)
    with pytest.raises(NotApplicable, match="normalization=none"):
        Pooling("lrn").edit_model(model, EXAMPLE)
    bare = Normalization("none").edit_model(model, EXAMPLE)
    assert kinds(Pooling("lrn").edit_model(bare, EXAMPLE)).count("LocalResponseNorm") == 5


@pytest.mark.parametrize("name", ["average", "strided_convolution"])
def test_the_global_pooling_and_unstrided_ones_stay(name: str) -> None:
    """Also where a plain pooling layer is the global one."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 1, 1), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 4, 3, padding=1), nn.AvgPool2d(32), nn.Flatten(), nn.Linear(4, 10)),
    )
    edited = Pooling(name).edit_model(model, EXAMPLE)
    assert isinstance(edited[1], nn.MaxPool2d)
    assert not isinstance(edited[2], nn.MaxPool2d)
    assert isinstance(edited[4], nn.AvgPool2d)


class Functional(nn.Module):
    """Pools by a call."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 10, 31)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.max_pool2d(self.conv(x).relu(), 2)).flatten(1)


@pytest.mark.parametrize("name", ["average", "strided_convolution", "lrn"])
def test_networks_without_pooling(name: str) -> None:
    """Say so; max, the baseline, leaves them as they are, and a call of a function is a pooling."""
    with pytest.raises(NotApplicable, match="finds none with a stride"):
        Pooling(name).edit_model(SmallResNet(8), EXAMPLE)
    edited = Pooling(name).edit_model(Functional(), EXAMPLE)
    assert [n for n, _ in edited.named_children()] == ["conv", "head", "maxpool2d_1"]
    assert not torch.equal(edited(EXAMPLE), Functional()(EXAMPLE))
    for model in (SmallResNet(8), Functional()):
        before = kinds(model)
        assert kinds(Pooling("max").edit_model(model, EXAMPLE)) == before


def test_poolings_without_another_form() -> None:
    """Rounding up is no convolution, and dilation no average."""
    ceil = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 9, 3))
    with pytest.raises(NotApplicable, match="ceil_mode"):
        Pooling("strided_convolution").edit_model(ceil, EXAMPLE)
    assert Pooling("average").edit_model(ceil, EXAMPLE)[1].ceil_mode
    dilated = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, dilation=2), nn.Conv2d(4, 9, 3))
    with pytest.raises(NotApplicable, match="dilated"):
        Pooling("average").edit_model(dilated, EXAMPLE)


def test_fields_have_ranges() -> None:
    """The messages list what there is."""
    with pytest.raises(ValueError, match=r"median.*choose from max"):
        Pooling("median")
    with pytest.raises(ValueError, match="size=0"):
        Pooling("lrn", 0)
