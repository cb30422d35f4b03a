"""Where tricks put layers, in networks of many architectures."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.models.activations import activation_places
from darkmagic.trainers.models.extend import After, Before
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.places import (
    call_with_result,
    classifier,
    gate_ops,
    global_pooling,
    sole_layer,
)
from darkmagic.trainers.models.resnet import SmallResNet

EXAMPLE = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def build(name: str) -> nn.Module:
    if name == "small":
        return SmallResNet(20)
    if name.startswith("timm:"):
        return timm_classifier(name.removeprefix("timm:"), 10, 3)
    return torchvision.models.get_model(name, num_classes=10)


@pytest.mark.parametrize(
    ("name", "activations", "gates"),
    [
        ("resnet50", 49, False),
        ("mobilenet_v3_small", 24, True),
        ("efficientnet_b0", 33, True),
        ("timm:efficientnet_b0", 33, True),
        ("vgg11_bn", 10, False),
    ],
)
def test_activations_exclude_those_of_gates(name: str, activations: int, gates: bool) -> None:
    """Activations of gates are not counted, whether the sigmoid is a module or a function."""
    trace = trace_model(build(name), EXAMPLE)
    assert len(activation_places(trace)) == activations
    assert bool(gate_ops(trace)) is gates


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("small", (2, 64, 32, 32)),
        ("resnet18", (2, 512, 4, 4)),
        ("efficientnet_b0", (2, 1280, 4, 4)),
        ("squeezenet1_1", (2, 10, 7, 7)),
        ("timm:resnet10t", (2, 512, 4, 4)),
        ("vgg11", None),
    ],
)
def test_global_pooling_is_found(name: str, shape: tuple[int, ...] | None) -> None:
    """The pooled map is the last one, not a gate's, and None if the map is flattened instead."""
    pooling = global_pooling(trace_model(build(name), EXAMPLE))
    assert (pooling and tuple(pooling.inputs[0].shape)) == shape


def test_classifier_is_the_last_layer() -> None:
    """The classifier of SqueezeNet is a convolution, and a network without layers has none."""
    last = classifier(trace_model(build("squeezenet1_1"), EXAMPLE))
    assert last is not None
    assert last.name == "convolution"
    assert classifier(trace_model(nn.ReLU(), EXAMPLE)) is None


class Mixed(nn.Module):
    """A network with functional layers and one result that is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.three, self.skip = nn.Conv2d(4, 4, 3, 1, 1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.skip(self.one(x).relu())
        y = self.two(x)
        return self.three(y.sin()) + y


def test_call_and_layer_that_made_a_result_are_found() -> None:
    """A result belongs to the call that made it, and to a layer only if nothing else reads it."""
    model = Mixed()
    trace = trace_model(model, EXAMPLE)
    one, relu, two, sin, three, add = trace.ops[1:]
    assert [op.name for op in (one, relu, sin, add)] == ["convolution", "relu", "sin", "add"]
    made = [call_with_result(op) for op in (one, two, sin, add)]
    assert [call and call.module for call in made] == [model.one, model.two, None, model]
    function = call_with_result(relu)
    assert function is not None
    assert (type(function.module), function.registered) == (nn.ReLU, False)
    assert [sole_layer(trace, op) for op in (one, relu, two, three)] == [
        *(model.one, None),
        *(None, model.three),  # the second is read twice
    ]


@pytest.mark.parametrize("kind", [After, Before])
def test_extended_layers_keep_their_state_dict_keys(kind: type[After | Before]) -> None:
    """Parameters of extended layers keep their keys, also if nested; added ones get new keys."""
    layer = nn.Conv2d(3, 3, 1)
    inner = kind(layer, "blur", nn.PReLU())
    outer = nn.Sequential(After(inner, "gate", nn.PReLU()))
    names = ["0.weight", "0.bias", "0.blur.weight", "0.gate.weight"]
    assert list(outer.state_dict()) == names
    state = {name: torch.randn_like(value) for name, value in outer.state_dict().items()}
    outer.load_state_dict(dict(state))
    assert all(torch.equal(value, state[name]) for name, value in outer.state_dict().items())
    assert outer[0].layer is inner
    x = torch.randn(2, 3, 4, 4)
    order = [inner.added, layer] if kind is Before else [layer, inner.added]
    torch.testing.assert_close(outer(x), nn.Sequential(*order, outer[0].added)(x))
