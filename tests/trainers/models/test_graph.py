"""Tracing what a network computes, and finding the layers that tricks change."""

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models.activations import ActivationPlace
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.stem import downscaling_activations, stem_activations
from darkmagic.trainers.models.structure import (
    find_residuals,
    gated,
    last_layer,
)


def names(model: nn.Module, calls: Iterable[Call | None]) -> list[str]:
    of = {module: name for name, module in model.named_modules()}
    found = [call for call in calls if call is not None]
    return [of.get(call.module, type(call.module).__name__) for call in found]


def calls(places: list[ActivationPlace]) -> list[Call | None]:
    return [place.call for place in places]


def conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


class Odd(nn.Module):
    """A network that draws random numbers, changes its input in place and has a frozen norm."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.conv, self.norm = conv(3, 4), nn.BatchNorm2d(4)
        self.frozen = nn.BatchNorm2d(4).eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(x) + torch.rand(1)
        return self.frozen(F.dropout(self.norm(self.conv(x)), training=True))


def test_tracing_has_no_side_effects() -> None:
    """State, modes, hooks, the example and the global generator are the same after tracing."""
    model, example = Odd(), torch.randn(2, 3, 8, 8)
    before, images = copy.deepcopy(model.state_dict()), example.clone()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    trace_model(model, example)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(example, images)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in model.children()] == [True, True, True, False]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.is_grad_enabled()
    model(example)  # the global hooks are gone: nothing is recorded, nothing fails


def test_tracing_cleans_up_after_a_failed_forward() -> None:
    """The error is raised, and training modes and global hooks are restored."""
    model = nn.Sequential(conv(3, 4), nn.Linear(5, 5))
    with pytest.raises(RuntimeError):
        trace_model(model, torch.zeros(1, 3, 8, 8))
    assert all(module.training for module in model.modules())
    assert torch.nn.modules.module._global_forward_hooks == {}
    assert torch.nn.modules.module._global_forward_pre_hooks == {}


def test_traced_calls_are_in_execution_order_with_shapes() -> None:
    """Calls are in execution order with output shapes, and pooling functions count as scaling."""

    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second, self.first = conv(4, 5, stride=2), conv(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(F.max_pool2d(self.first(x), 2))

    model = Backwards()
    trace = trace_model(model, torch.zeros(2, 3, 16, 16))
    assert names(model, trace.calls) == ["", "first", "MaxPool2d", "second"]
    assert [call.output.shape for call in trace.calls[1:] if call.output] == [
        (2, 4, 16, 16),
        (2, 4, 8, 8),
        (2, 5, 4, 4),
    ]
    assert [op.scale for op in trace.ops] == [1, 1, 2, 4]


def test_residual_blocks_of_small_resnet_are_found() -> None:
    """Each block ends in its second norm, and its shortcut is a projection or the identity."""
    model = SmallResNet(20)
    trace = trace_model(model, torch.zeros(2, 3, 8, 8))
    residuals = find_residuals(trace)
    ends = [call for r in residuals if (call := last_layer(r.end))]
    assert names(model, ends) == [f"blocks.{i}.bn2" for i in range(9)]
    projected = [any(op.is_convolution for op in r.shortcut) for r in residuals]
    assert projected == [False, False, False, True, False, False, True, False, False]
    assert all(r.convolutional and not gated(trace, r.branch) for r in residuals)


class Block(nn.Module):
    """A residual block whose addition and last operations vary with `how`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.conv, self.scale = how, conv(4, 4), nn.Parameter(torch.ones(4, 1, 1))
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.conv(x))
        if self.how == "iadd":
            out += x
        elif self.how == "radd":
            out = torch.add(x, out)
        elif self.how == "functional":
            out = F.relu(out) + x
        elif self.how == "scaled":
            out = x + self.scale * out
        elif self.how == "gated":
            out = x + out * out.mean((2, 3), keepdim=True).sigmoid()
        elif self.how == "swish":
            out = x + out * out.sigmoid()
        return out


@pytest.mark.parametrize("how", ["iadd", "radd", "functional", "scaled"])
def test_residual_branch_ends_in_its_last_module(how: str) -> None:
    """The last layer is found for each way to add, and through elementwise operations."""
    model = nn.Sequential(conv(3, 4), Block(how))
    (residual,) = find_residuals(trace_model(model, torch.zeros(2, 3, 8, 8)))
    call = last_layer(residual.end)
    assert call is not None
    assert names(model, [call]) == ["1.norm"]


def test_gate_is_distinguished_from_swish() -> None:
    """A product with a sigmoid of the maps' means is a gate; one of the maps is an activation."""
    found = {}
    for how in ("gated", "swish"):
        trace = trace_model(nn.Sequential(conv(3, 4), Block(how)), torch.zeros(2, 3, 8, 8))
        (residual,) = find_residuals(trace)
        found[how] = gated(trace, residual.branch)
        assert last_layer(residual.end) is None
    assert found == {"gated": True, "swish": False}


def test_sum_of_two_similar_branches_is_no_residual() -> None:
    """A sum of two branches with one convolution each has no shortcut."""

    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = conv(3, 4), conv(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.one(x) + self.two(x)

    assert find_residuals(trace_model(Twins(), torch.zeros(2, 3, 8, 8))) == []


def plain(padding: int = 1) -> nn.Sequential:
    def layer(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, 1, padding), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *(*layer(3, 4), *layer(4, 4), nn.MaxPool2d(2)),
        *(*layer(4, 8), *layer(8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5)),
    )


@pytest.mark.parametrize("padding", [1, 0])
def test_stem_without_residual_blocks_ends_at_the_first_stride(padding: int) -> None:
    """Without residual blocks the stem ends at the first stride, with or without padding."""
    model = plain(padding)
    trace = trace_model(model, torch.zeros(2, 3, 20, 20))
    assert find_residuals(trace) == []
    assert names(model, calls(stem_activations(trace))) == ["2", "5"]
    assert names(model, calls(downscaling_activations(trace))) == ["5"]


def test_activation_of_a_downscaling_layer_is_found() -> None:
    """It is the strided layer's own activation, else the one before; functions count."""

    def down(*layers: nn.Module) -> list[str]:
        model = nn.Sequential(conv(3, 4), nn.ReLU(), *layers, conv(8, 8))
        trace: Trace = trace_model(model, torch.zeros(2, 3, 16, 16))
        return names(model, calls(downscaling_activations(trace)))

    class Functional(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(F.relu(x))  # the first acts on the layer's result

    assert down(conv(4, 8, stride=2), nn.BatchNorm2d(8), nn.SiLU()) == ["4"]
    assert down(conv(4, 8, stride=2)) == ["1"]
    assert down(conv(4, 8, stride=2), Functional()) == ["ReLU"]
    assert down(conv(4, 8), nn.AvgPool2d(2)) == ["1"]
    assert down(conv(4, 8)) == []
