"""Replacing modules call by call."""

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from darkmagic.trainers.models.edit import CallSwitch, replace_calls
from darkmagic.trainers.models.graph import trace_model


class Times(nn.Module):
    """Multiplies, so that which one was called shows in the result."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Block(nn.Module):
    """Uses one module at three places, and can fail between them."""

    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.shared, self.fail = shared, False

    def forward(self, x: Tensor) -> Tensor:
        x = self.shared(x) + 1
        if self.fail:
            raise InterruptedError
        return self.shared(self.shared(x) + 1)


def switched(model: nn.Module, which: int, factor: float = 10) -> nn.Module:
    """Return `model` with the `which`-th call of a `Times` replaced."""
    trace = trace_model(model, torch.ones(1, 1))
    call = [call for call in trace.calls if isinstance(call.module, Times)][which]
    return replace_calls(model, trace, {call: Times(factor)})


def run(model: nn.Module) -> float:
    return float(model(torch.ones(1, 1)))


def test_a_module_of_one_place_is_replaced() -> None:
    """Also where it is registered twice, and in the place of the model itself."""

    class Aliased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = self.alias = Times(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.alias(x)

    edited = switched(Aliased(), 0)
    assert run(edited) == 10
    assert edited.alias is edited.one
    assert run(switched(Times(2), 0)) == 10


@pytest.mark.parametrize(("which", "expected"), [(0, 46.0), (1, 62.0), (2, 70.0)])
def test_one_place_of_a_shared_module(which: int, expected: float) -> None:
    """((1 * 2 + 1) * 2 + 1) * 2 = 14 with one factor turned to 10; the others keep theirs."""
    model = Block(Times(2))
    assert run(model) == 14
    edited = switched(model, which)
    assert [run(edited), run(edited.eval())] == [expected, expected]


def test_a_module_shared_by_several_blocks() -> None:
    """The count is the one of the innermost module around all calls."""
    shared = Times(2)
    model = nn.Sequential(Block(shared), Block(shared))
    edited = switched(model, 3)
    expected = ((14 * 10 + 1) * 2 + 1) * 2  # the first block gives 14, as ever
    assert [run(edited), run(edited)] == [expected, expected]


def test_a_module_whose_container_is_never_called() -> None:
    """A dictionary of activations is no owner: its parent's forward is counted."""

    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.acts = nn.ModuleDict({"act": Times(2)})

        def forward(self, x: Tensor) -> Tensor:
            return self.acts["act"](self.acts["act"](x) + 1)

    edited = switched(Uses(), 0)
    assert [run(edited), run(edited)] == [22, 22]


def test_an_interrupted_forward_shifts_nothing() -> None:
    """The next forward counts from the first place."""
    edited = switched(Block(Times(2)), 0)
    edited.fail = True
    with pytest.raises(InterruptedError):
        run(edited)
    edited.fail = False
    assert run(edited) == 46


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_runs_the_same_places_again(reentrant: bool) -> None:
    """Gradients are the derivative of what the forward computed."""
    block = switched(Block(Times(2)), 0)
    x = torch.ones(1, 1, requires_grad=True)
    out = checkpoint(block, x, use_reentrant=reentrant)
    (gradient,) = torch.autograd.grad(out, x) if not reentrant else (None,)
    if gradient is None:
        out.backward()
        gradient = x.grad
    assert gradient is not None
    assert [out.item(), gradient.item()] == [46, 40]


def test_a_call_too_many_is_refused() -> None:
    """Which place it is cannot be known."""
    edited = switched(Block(Times(2)), 0)
    run(edited)
    with pytest.raises(RuntimeError, match="shared by 3 places"):
        edited.shared(torch.ones(1))


def saved(model: nn.Module) -> Any:
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, saved])
def test_a_copy_counts_for_itself(copied: Any) -> None:
    """A copy works, and does not move the original's count."""
    edited = switched(Block(Times(2)), 1)
    other = copied(edited)
    switch = next(m for m in edited.modules() if isinstance(m, CallSwitch))
    assert switch.calls == 0
    assert [run(other), run(other)] == [62, 62]
    assert switch.calls == 0


def test_a_loaded_model_keeps_its_hook_when_another_is_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a fresh process, where ids of hooks start at 0 again."""
    next_id = "torch.utils.hooks.RemovableHandle.next_id"
    monkeypatch.setattr(next_id, 0)
    buffer = io.BytesIO()
    torch.save(switched(Block(Times(2)), 0), buffer)
    monkeypatch.setattr(next_id, 0)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    loaded.register_forward_pre_hook(lambda *_: None)
    assert [run(loaded), run(loaded)] == [46, 46]


def test_compiles() -> None:
    """Whole, without a break in the graph."""
    edited = switched(Block(Times(2)), 2)
    compiled = torch.compile(edited, backend="eager", fullgraph=True)
    assert [run(compiled), run(compiled)] == [70, 70]
