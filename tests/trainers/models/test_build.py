"""Building a network from a factory."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.models.build import build_network, input_channels
from darkmagic.trainers.models.resnet import SmallResNet


class Plain(nn.Module):
    """A network whose factory accepts `num_classes` but neither `in_channels` nor `image_size`."""

    def __init__(self, num_classes: int, width: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.frozen = nn.BatchNorm2d(width).eval()
        self.drop = nn.Dropout()
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.frozen(self.norm(self.conv(x)))
        logits: Tensor = self.head(self.drop(maps.mean((2, 3))))
        return logits


def build(factory: Any, *, classes: int = 7, channels: int = 3) -> nn.Module:
    return build_network(factory, num_classes=classes, in_channels=channels, image_size=(8, 10))


def test_factory_gets_the_arguments_that_it_names() -> None:
    """A function that names all three arguments gets all three by keyword."""
    got = {}

    def factory(*, image_size: Any, in_channels: int, num_classes: int) -> nn.Module:
        got.update(image_size=image_size, in_channels=in_channels, num_classes=num_classes)
        return SmallResNet(8, 4, num_classes, in_channels)

    build(factory, channels=1)
    assert got == {"image_size": (8, 10), "in_channels": 1, "num_classes": 7}


def test_factory_gets_no_argument_that_it_does_not_name() -> None:
    """A class without `in_channels` does not get it, and partials keep their own arguments."""
    assert build(Plain).conv.out_channels == 4
    assert build(partial(partial(Plain, width=5), channels=3)).conv.out_channels == 5


def test_arguments_bound_by_a_partial_are_kept() -> None:
    """A user's own argument overrides the data's, and the network is checked against the data."""
    network = build(partial(SmallResNet, depth=8, in_channels=3), channels=1)
    assert input_channels(network) == 3
    with pytest.raises(ValueError, match=r"gives \(2, 5\).*7 classes.*num_classes"):
        build(partial(Plain, 5))
    with pytest.raises(ValueError, match=r"gives \(2, 5\).*7 classes.*num_classes"):
        build(partial(Plain, num_classes=5))


def test_factory_with_only_kwargs_gets_num_classes() -> None:
    """A factory that takes only `**kwargs`, such as torchvision's, gets `num_classes` alone."""

    def factory(**kwargs: Any) -> nn.Module:
        assert kwargs == {"num_classes": 7}
        return Plain(**kwargs)

    assert build(factory).head.out_features == 7


def test_network_of_three_channels_takes_grey_but_one_of_one_takes_no_colour() -> None:
    """The trainer repeats the channel of grey images but refuses colour for a grey network."""
    assert input_channels(build(Plain, channels=1)) == 3
    with pytest.raises(ValueError, match=r"1 channels and the data have 3.*in_channels"):
        build(partial(Plain, channels=1))


def test_build_check_does_not_change_the_network() -> None:
    """Parameters, buffers, training modes and the global generator are as without the check."""
    torch.manual_seed(3)
    expected = Plain(7)
    after = torch.rand(1)
    torch.manual_seed(3)
    network = build(Plain)
    assert torch.equal(torch.rand(1), after)
    assert [m.training for m in network.modules()] == [m.training for m in expected.modules()]
    for name, value in expected.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_network_that_does_not_classify_the_images_is_refused() -> None:
    """Images too small for the network and outputs that are no tensor raise a one-line error."""
    too_deep = nn.Sequential(nn.Conv2d(3, 4, 11), nn.Flatten())
    with pytest.raises(ValueError, match=r"fails on images of shape \(3, 8, 10\)") as failure:
        build(lambda: too_deep)
    assert "\n" not in str(failure.value)

    class Pair(Plain):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x), x

    with pytest.raises(ValueError, match="gives tuple"):
        build(Pair)


def test_input_channels_are_read_from_the_first_convolution() -> None:
    """The result is the first convolution's `in_channels`, and None without a convolution."""
    assert input_channels(SmallResNet(8, in_channels=2)) == 2
    assert input_channels(nn.Linear(3, 3)) is None
