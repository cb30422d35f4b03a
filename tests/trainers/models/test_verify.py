"""Edits that miss are found before training: planted ones, and on networks that hide layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.activation import Activation
from darkmagic.trainers.tricks.attention_pooling import AttentionPooling
from darkmagic.trainers.tricks.blurpool import BlurPool
from darkmagic.trainers.tricks.convolution import Convolution
from darkmagic.trainers.tricks.pooling import Pooling
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.stem_activation import StemActivation

X = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def edit(trick: Trick, model: nn.Module) -> tuple[nn.Module, dict[str, str]]:
    hooks = Hooks({"it": trick}, 0)
    return hooks.edit_model(model, X), hooks.edits


class Planted(Trick):
    """Edits as it is told, and tells nobody."""

    keeps_output: ClassVar[bool] = True

    def __init__(self, change: Callable[[SmallResNet], object]) -> None:
        self.change = change

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        assert isinstance(model, SmallResNet)
        self.change(model)
        return model


def never_called(model: SmallResNet) -> None:
    model.extra = nn.Linear(2, 2)


def never_called_inside(model: SmallResNet) -> None:
    model.blocks[0].add_module("extra", nn.Conv2d(3, 3, 1))


def called_still(model: SmallResNet) -> None:
    model.held = [model.stem[2]]  # type: ignore[assignment]
    model.stem[1].register_forward_hook(lambda *_: model.held[0](_[2]))  # type: ignore[operator]
    model.stem[2] = nn.Identity()


def another_function(model: SmallResNet) -> None:
    model.stem[2] = nn.Tanh()


def failing(model: SmallResNet) -> None:
    model.stem[2] = nn.Linear(7, 7)


def failing_in_training(model: SmallResNet) -> None:
    class Attribute(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu() if not self.training else x * self.missing

    model.stem[2] = Attribute()


class Sometimes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return x.relu() if self.training else self.act(x)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (never_called, "puts in a Linear that is not called in evaluation"),
        (never_called_inside, "puts in a Conv2d that is not called"),
        (called_still, "takes out a ReLU that is still called"),
        (another_function, "another function"),
        (failing, "with it the model fails: RuntimeError"),
        (failing_in_training, "with it the model fails: AttributeError"),
    ],
)
def test_planted_edit_that_misses_is_refused(
    change: Callable[[SmallResNet], object], reason: str
) -> None:
    """With the trick's name, and what was not called, or still was."""
    with pytest.raises(NotApplicable, match=reason) as found:
        edit(Planted(change), SmallResNet(8, 4))
    assert found.value.trick == "it"


class Hidden(nn.Module):
    """Calls registered layers through a list of its own, in one way or another."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            *(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 32, 3, 2, 1), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        ]
        self.layers, self.head = nn.ModuleList(layers), nn.Linear(32, 10)
        self.order = layers
        self.functions = [lambda x, layer=layer: layer(x) for layer in layers]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.order:
            x = layer(x)
        return self.head(x.flatten(1))


class Closures(Hidden):
    def forward(self, x: Tensor) -> Tensor:
        for function in self.functions:
            x = function(x)
        return self.head(x.flatten(1))


TRICKS = [
    *(Activation("elu"), StemActivation("swish"), Pooling("average"), BlurPool(), SqueezeExcite()),
    *(AttentionPooling(), Convolution()),
]


@pytest.mark.parametrize("kind", [Hidden, Closures])
@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: type(trick).__name__)
def test_layers_called_through_a_second_list_are_refused(
    trick: Trick, kind: type[nn.Module]
) -> None:
    """No trick trains another network than it says, or parameters that are never called."""
    with pytest.raises(NotApplicable, match=r"not called|still called"):
        edit(trick, kind())


class OneMode(nn.Module):
    """Has an activation in training that evaluation does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head, self.act = nn.Conv2d(3, 4, 3), nn.Linear(4, 10), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x)).mean((2, 3))
        if self.training:
            x = self.act(x)
        return self.head(x)


def test_edit_that_reaches_one_mode_alone_is_refused() -> None:
    """A kind of layer that one mode calls and the other does not is edited in neither."""
    with pytest.raises(NotApplicable, match="a ReLU in training alone"):
        edit(Activation("elu"), OneMode())
    edited, _ = edit(AttentionPooling(), OneMode())
    assert edited.train()(X).shape == (2, 10)


class Partly(nn.Module):
    """Three activations, one of them in a function that is no method."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.mid, self.act = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.ReLU()
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = helped(self.mid(F.relu(self.conv(x)).mean((2, 3))))
        return self.head(self.act(self.mid(x)))


def helped(x: Tensor) -> Tensor:
    return F.relu(x)


def test_places_edited_and_found_are_counted() -> None:
    """In the words of the table."""
    assert edit(Activation("elu"), Partly())[1] == {"it": "2 of 3 places"}
    assert edit(Activation("elu"), SmallResNet(8, 4))[1] == {"it": "7 places"}
    assert edit(Activation("relu"), SmallResNet(8, 4))[1] == {}
