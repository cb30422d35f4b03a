"""Code that is written in other ways than tutorials write it is edited where it was meant to be."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as users write it)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.network import make_network
from darkmagic.trainers.recipe import Recipe
from matrix import architecture_options

OPTIONS = architecture_options()
DATA = Shapes(count=16, size=32)
IMAGES = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


class Loop(nn.Module):
    """All layers by one line, whose activation is one place that is called four times."""

    def __init__(self, num_classes: int, **_: object) -> None:
        super().__init__()
        strides = (1, 2, 1, 1)
        sizes = [(1, 4), (4, 4), (4, 4), (4, 4)]
        self.convs = nn.ModuleList(
            nn.Conv2d(*s, 3, n, 1) for s, n in zip(sizes, strides, strict=True)
        )
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.fc(x.mean((2, 3)))


class Private(nn.Module):
    """Private names, letters of several bytes, and several calls on one line."""

    def __init__(self, num_classes: int, **_: object) -> None:
        super().__init__()
        self.__first = nn.Conv2d(1, 4, 3, 1, 1)
        self.__second = nn.Conv2d(4, 4, 3, 2, 1)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x: Tensor, *, name: str = "äöü") -> Tensor:
        y = {"äöü": F.relu(self.__second(F.relu(self.__first(x))))}[name]
        if (count := y.size(0)) > 0:
            y = y.relu_()
        return self.fc(y.mean(dim=[2, 3])).view(count, -1)


class Recomputed(nn.Module):
    """A block whose activations are computed again in the backward pass, in training alone."""

    def __init__(self, num_classes: int, **_: object) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, 1, 1)
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, num_classes)

    def _block(self, x: Tensor) -> Tensor:
        return F.relu(x + self.inner(x))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = checkpoint(self._block, x, use_reentrant=False) if self.training else self._block(x)
        return self.fc(x.mean((-2, -1)))


def _edited(kind: type[nn.Module], *names: str) -> nn.Module:
    """Return the network with the options `names`, as training builds it."""
    tricks = {name.partition("=")[0]: OPTIONS[name] for name in names}
    recipe = Recipe(DATA, partial(kind), tricks, epochs=1, batch_size=8, device="cpu")
    return make_network(recipe, DATA.load(0), Hooks(tricks, 0))


def test_place_of_a_loop_is_edited_in_the_turns_that_are_meant() -> None:
    """Stem and downscaling layer are swish, the others stay; in copies and after errors too."""
    network = _edited(Loop, "stem_activation=swish").eval()
    assert isinstance(network, Loop)

    def expected(x: Tensor) -> Tensor:
        for conv, act in zip(network.convs, (F.silu, F.silu, F.relu, F.relu), strict=True):
            x = act(conv(x))
        return network.fc(x.mean((2, 3)))

    with pytest.raises(RuntimeError):
        network(IMAGES[:, :, :0])
    for each in (network, pickle.loads(pickle.dumps(network))):
        torch.testing.assert_close(each(IMAGES), expected(IMAGES))


def test_private_names_and_letters_of_several_bytes_stay() -> None:
    """Each of three activations is the one that was asked for, and nothing else is."""
    network = _edited(Private, "activation=gelu").eval()
    first, second = (getattr(network, f"_Private__{name}") for name in ("first", "second"))
    y = F.gelu(F.gelu(second(F.gelu(first(IMAGES)))))
    torch.testing.assert_close(network(IMAGES), network.fc(y.mean((2, 3))))


@pytest.mark.parametrize("option", ["activation=swish", "drop_path=0.2", "squeeze_excite=on"])
def test_edit_acts_where_activations_are_computed_again(option: str) -> None:
    """Every weight has a gradient, the same as without computing again."""
    network = _edited(Recomputed, option).train()
    gradients = []
    for training in (True, False):
        network.zero_grad()
        network.training = training  # of the outer forward alone
        torch.manual_seed(0)
        network(IMAGES).sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert all(gradient is not None for gradient in gradients[0])
    torch.testing.assert_close(*gradients)
