"""Calls of functions in a network's code, and modules in their place."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.sites.functions import FunctionCall
from darkmagic.trainers.trick import NotApplicable

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
relu = F.relu


class Times(nn.Module):
    """Multiplies by a parameter, so that results and names of tensors show where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Base(nn.Module):
    """A convolution whose result goes through `act`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.held = F.relu
        self.unnamed = [nn.ReLU()]

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x)) + 1

    def act(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Functional(Base):
    def act(self, x: Tensor) -> Tensor:
        return F.relu(x)


class InPlace(Base):
    def act(self, x: Tensor) -> Tensor:
        return F.relu(x, inplace=True)


class Keyword(Base):
    def act(self, x: Tensor) -> Tensor:
        return F.relu(inplace=False, input=x)


class OfTorch(Base):
    def act(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class Method(Base):
    def act(self, x: Tensor) -> Tensor:
        return x.relu()


class MethodOverLines(Base):
    def act(self, x: Tensor) -> Tensor:
        # fmt: off
        return (x
                .relu())
        # fmt: on


class Imported(Base):
    def act(self, x: Tensor) -> Tensor:
        return relu(x)


class Held(Base):
    def act(self, x: Tensor) -> Tensor:
        return self.held(x)


class Made(Base):
    def act(self, x: Tensor) -> Tensor:
        return nn.ReLU()(x)


class Unnamed(Base):
    def act(self, x: Tensor) -> Tensor:
        return self.unnamed[0](x)


class Inherited(Functional):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Private(Base):
    def act(self, x: Tensor) -> Tensor:
        return F.relu(self.__same(x))

    def __same(self, x: Tensor) -> Tensor:
        return x


def closed_over(function: Any) -> type[Base]:
    class Closed(Base):
        def act(self, x: Tensor, *, twice: bool = False) -> Tensor:
            return function(x) if not twice else function(function(x))

    return Closed


FORMS = [
    *(Functional, InPlace, Keyword, OfTorch, Method, MethodOverLines, Imported, Held, Made),
    *(Unnamed, Inherited, Private, closed_over(F.relu)),
]


def rectifiers(trace: Trace) -> list[Call]:
    return [call for call in trace.calls if isinstance(call.module, nn.ReLU)]


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_call_is_replaced_however_it_is_written(kind: type[Base]) -> None:
    """The edited network computes the other function, and keeps class, names and weights."""
    torch.manual_seed(0)
    model = kind()
    before = copy.deepcopy(model)
    trace = trace_model(model, X)
    (call,) = rectifiers(trace)
    edited = replace_calls(model, trace, {call: Times()})
    torch.testing.assert_close(edited(X), before.conv(X) * 10 + 1)
    assert isinstance(edited, kind)
    assert set(edited.state_dict()) == {*before.state_dict(), "relu_1.factor"}
    assert rectifiers(trace_model(edited, X)) == []
    edited.load_state_dict(before.state_dict(), strict=False)


def test_edited_module_copies_pickles_and_compiles_without_a_break() -> None:
    """And a copy is independent: its modules are its own."""
    model = Functional()
    trace = trace_model(model, X)
    edited = replace_calls(model, trace, {rectifiers(trace)[0]: Times()})
    expected = edited(X)
    copied, unpickled = copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))
    compiled = torch.compile(edited, backend="eager", fullgraph=True)
    nn.init.zeros_(edited.get_parameter("relu_1.factor"))
    assert torch.equal(copied(X), expected)
    assert torch.equal(unpickled(X), expected)
    assert torch.equal(compiled(X), torch.ones_like(expected))
    nn.init.zeros_(unpickled.get_parameter("relu_1.factor"))
    assert torch.equal(copied(X), expected)


class Several(nn.Module):
    """Calls at several places of one method, and one place several times."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = F.relu(x) + 1
        return F.max_pool2d(F.relu(x), 2)


def test_each_place_and_each_turn_of_a_loop_is_one_of_its_own() -> None:
    """Replacing one leaves the others, also by a second edit of the same method."""
    ones = torch.ones(1, 1, 2, 2)
    for which, expected in enumerate((12.0, 21.0, 30.0)):
        model: nn.Module = Several()
        trace = trace_model(model, ones)
        calls = rectifiers(trace)
        assert len(calls) == 3
        edited = replace_calls(model, trace, {calls[which]: Times()})
        assert edited(ones).item() == expected
        trace = trace_model(edited, ones)
        (pool,) = [call for call in trace.calls if isinstance(call.module, nn.MaxPool2d)]
        edited = replace_calls(edited, trace, {pool: nn.AvgPool2d(2)})
        assert edited(ones).item() == expected
        assert len(rectifiers(trace_model(edited, ones))) == 2


class Sum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x + x
        y += x
        return torch.add(y, x).mean((2, 3))


def test_sums_and_averages_are_places() -> None:
    """Of two inputs, or with other arguments, which the module in their place gets."""
    ones = torch.ones(1, 1, 2, 2)
    trace = trace_model(Sum(), ones)
    calls = [call for call in trace.calls if isinstance(call.module, FunctionCall)]
    assert [call.module.extra_repr() for call in calls] == ["add", "add", "add", "mean"]
    for index in range(len(calls)):
        model: nn.Module = Sum()
        trace = trace_model(model, ones)
        call = [call for call in trace.calls if isinstance(call.module, FunctionCall)][index]
        assert replace_calls(model, trace, {call: Doubled(call.module)})(ones).item() > 4


class Doubled(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.layer(*args, **kwargs) * 2


def helper(x: Tensor) -> Tensor:
    return F.relu(x)


class Helped(Base):
    def act(self, x: Tensor) -> Tensor:
        return helper(x)


class Starred(Base):
    def act(self, x: Tensor) -> Tensor:
        return F.relu(*[x])


def without_source() -> type[Base]:
    names: dict[str, Any] = {"Base": Base, "F": F}
    exec("class Typed(Base):\n    def act(self, x):\n        return F.relu(x)\n", names)
    kind: type[Base] = names["Typed"]
    return kind


@pytest.mark.parametrize("kind", [Helped, Starred, without_source()], ids=lambda k: k.__name__)
def test_calls_that_cannot_be_written_anew_are_no_places(kind: type[Base]) -> None:
    """In functions that are no methods, with arguments that are unpacked, without a source."""
    assert rectifiers(trace_model(kind(), X)) == []


class Untrained(nn.Module):
    """Has a convolution in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Conv2d(3, 3, 1)]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x)


def test_weights_under_no_name_are_refused() -> None:
    """They are not trained, which an edit would change in silence."""
    model = Untrained()
    trace = trace_model(model, X)
    call = trace.calls[1]
    with pytest.raises(NotApplicable, match="its weights are never trained"):
        replace_calls(model, trace, {call: nn.Sequential(call.module, nn.ReLU())})
