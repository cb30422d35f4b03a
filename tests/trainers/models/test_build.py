"""Building a network from a factory."""

import copy
from functools import partial
from typing import Any, NamedTuple

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

    with pytest.raises(ValueError, match=r"gives a tuple of 2 .*model.output=0"):
        build(Pair)


def test_input_channels_are_read_from_the_first_convolution() -> None:
    """The result is the first convolution's `in_channels`, and None without a convolution."""
    assert input_channels(SmallResNet(8, in_channels=2)) == 2
    assert input_channels(nn.Linear(3, 3)) is None


class Heads(nn.Module):
    """Gives its logits in one of several forms, beside other outputs."""

    def __init__(self, form: str, num_classes: int) -> None:
        super().__init__()
        self.form, self.plain = form, Plain(num_classes)

    def forward(self, x: Tensor) -> Any:
        logits = self.plain(x)
        if self.form == "named":
            return Named(x, logits)
        return {"x": x, "logits": logits} if self.form == "dict" else (x, logits)


class Named(NamedTuple):
    """Two outputs with names."""

    x: Tensor
    logits: Tensor


@pytest.mark.parametrize(("form", "output"), [("dict", "logits"), ("tuple", "1"), ("named", "1")])
def test_logits_of_several_outputs_are_chosen(form: str, output: str) -> None:
    """By name or index, also in a copy, and no tensor changes its name."""
    network = build_network(
        partial(Heads, form), num_classes=7, in_channels=3, image_size=(8, 10), output=output
    )
    assert set(network.state_dict()) == set(Heads(form, 7).state_dict())
    x = torch.zeros(2, 3, 8, 10)
    assert torch.equal(copy.deepcopy(network).eval()(x), network.eval()(x))
    assert network(x).shape == (2, 7)


def test_output_that_the_network_does_not_give_is_refused() -> None:
    """With what it gives."""
    for form, gives in {"dict": "a dict of x, logits", "tuple": "a tuple of 2"}.items():
        with pytest.raises(ValueError, match=f"model.output=2: the model gives {gives}"):
            build_network(
                partial(Heads, form), num_classes=7, in_channels=3, image_size=(8, 10), output="2"
            )
