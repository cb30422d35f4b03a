"""Building any network from a factory."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.models.build import build_network, input_channels
from darkmagic.trainers.models.resnet import SmallResNet


class Plain(nn.Module):
    """A class that names one of the three arguments."""

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


def test_a_factory_gets_what_it_names() -> None:
    """All three arguments by name, through a function that takes all."""
    got = {}

    def factory(*, image_size: Any, in_channels: int, num_classes: int) -> nn.Module:
        got.update(image_size=image_size, in_channels=in_channels, num_classes=num_classes)
        return SmallResNet(8, 4, num_classes, in_channels)

    build(factory, channels=1)
    assert got == {"image_size": (8, 10), "in_channels": 1, "num_classes": 7}


def test_a_class_and_partials_of_it_get_no_more_than_they_name() -> None:
    """`Plain` knows no `in_channels`; partials of partials keep their own arguments."""
    assert build(Plain).conv.out_channels == 4
    assert build(partial(partial(Plain, width=5), channels=3)).conv.out_channels == 5


def test_what_a_partial_binds_stays_bound() -> None:
    """A user's own setting wins over the data's, and is checked against them."""
    network = build(partial(SmallResNet, depth=8, in_channels=3), channels=1)
    assert input_channels(network) == 3
    with pytest.raises(ValueError, match=r"gives \(2, 5\).*7 classes.*num_classes"):
        build(partial(Plain, 5))
    with pytest.raises(ValueError, match=r"gives \(2, 5\).*7 classes.*num_classes"):
        build(partial(Plain, num_classes=5))


def test_bare_keyword_arguments_take_the_number_of_classes_alone() -> None:
    """Builders such as torchvision's hand `num_classes` on; few know the other two."""

    def factory(**kwargs: Any) -> nn.Module:
        assert kwargs == {"num_classes": 7}
        return Plain(**kwargs)

    assert build(factory).head.out_features == 7


def test_grey_images_may_go_to_a_network_of_three_channels_but_not_colour_to_one() -> None:
    """The trainer repeats grey images; it cannot make colour grey."""
    assert input_channels(build(Plain, channels=1)) == 3
    with pytest.raises(ValueError, match=r"1 channels and the data have 3.*in_channels"):
        build(partial(Plain, channels=1))


def test_the_check_leaves_the_network_as_it_was() -> None:
    """Statistics, modes of each module, and the global generator."""
    torch.manual_seed(3)
    expected = Plain(7)
    after = torch.rand(1)
    torch.manual_seed(3)
    network = build(Plain)
    assert torch.equal(torch.rand(1), after)
    assert [m.training for m in network.modules()] == [m.training for m in expected.modules()]
    for name, value in expected.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_what_is_no_classifier_of_these_images_is_refused_in_one_line() -> None:
    """Too small images, and outputs that are no logits."""
    too_deep = nn.Sequential(nn.Conv2d(3, 4, 11), nn.Flatten())
    with pytest.raises(ValueError, match=r"fails on images of shape \(3, 8, 10\)") as failure:
        build(lambda: too_deep)
    assert "\n" not in str(failure.value)

    class Pair(Plain):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x), x

    with pytest.raises(ValueError, match="gives tuple"):
        build(Pair)


def test_input_channels_are_the_first_convolutions() -> None:
    """None where there is no convolution."""
    assert input_channels(SmallResNet(8, in_channels=2)) == 2
    assert input_channels(nn.Linear(3, 3)) is None
