"""Which operations of a network are activations, and which are gates."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models.activations import activation_places
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.tricks.activation import Activation

X = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))


class Unit(nn.Module):
    """Two convolutions, for `mix` to make one map of."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(x)).mean((2, 3))

    def mix(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Highway(Unit):
    def mix(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.one(x))
        return t * F.relu(self.two(x)) + (1 - t) * x


class PlainHighway(Unit):
    def mix(self, x: Tensor) -> Tensor:
        t = self.one(x).sigmoid()
        return t * self.two(x) + (1 - t) * x


class Gated(Unit):
    def mix(self, x: Tensor) -> Tensor:
        return F.glu(torch.cat([self.one(x), self.two(x)], 1), 1)


class GatedGelu(Unit):
    def mix(self, x: Tensor) -> Tensor:
        return F.gelu(self.one(x)) * self.two(x)


class Squeezed(Unit):
    def mix(self, x: Tensor) -> Tensor:
        x = F.relu(self.one(x))
        return x * torch.sigmoid(F.relu(self.two(x.mean((2, 3), keepdim=True))))


class Attending(Unit):
    def mix(self, x: Tensor) -> Tensor:
        q, k = self.one(x).flatten(2), F.relu(self.two(x)).flatten(2)
        return (torch.softmax(q @ k.transpose(1, 2), -1) @ k).view_as(x)


class Scaled(Unit):
    def mix(self, x: Tensor) -> Tensor:
        return F.relu(self.one(x)) * 0.5


class OwnSwish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class OwnMish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tanh(F.softplus(x))


class OwnSlope(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)


class Own(Unit):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act

    def mix(self, x: Tensor) -> Tensor:
        return self.act(self.one(x))


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        (Highway(), ["ReLU"]),
        (PlainHighway(), []),
        (Gated(), []),
        (GatedGelu(), []),
        (Squeezed(), ["ReLU"]),
        (Attending(), ["ReLU"]),
        (Scaled(), ["ReLU"]),
        *((Own(act), [type(act).__name__]) for act in (OwnSwish(), OwnMish(), OwnSlope())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_gates_are_no_activations_and_own_classes_are(model: nn.Module, kinds: list[str]) -> None:
    """Also after an edit the gates compute what they did."""
    places = activation_places(trace_model(model, X))
    assert [place.call and place.call.kind for place in places] == kinds
    if kinds:
        edited = Activation("elu").edit_model(model, X)
        found = activation_places(trace_model(edited, X))
        assert [place.call and place.call.kind for place in found] == ["ELU"]


class Tokens(nn.Module):
    """An MLP on tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x.flatten(1, 2)))).mean(1)


def test_maxout_takes_the_largest_of_neighbouring_channels_of_tokens() -> None:
    """Channels are the last dimension there."""
    model = Tokens()
    edited = Activation("maxout", pieces=3).edit_model(model, X)
    hidden = edited.up(X.flatten(1, 2))
    assert hidden.shape == (2, 24, 30)
    expected = edited.down(torch.stack([hidden[..., i::3] for i in range(3)]).amax(0)).mean(1)
    torch.testing.assert_close(edited(X), expected)
