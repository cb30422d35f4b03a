"""Replacing one call of a module."""

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
    """A module that multiplies by `factor`, so that results show which one was called."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Block(nn.Module):
    """A module that calls `shared` three times and, if `fail` is set, raises after the first."""

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


def test_module_with_one_call_is_replaced() -> None:
    """A module that is called once is replaced, also if it has two names or is the model."""

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
def test_one_call_of_a_shared_module_is_replaced(which: int, expected: float) -> None:
    """Replacing one of three calls of a shared module changes the result of that call alone."""
    model = Block(Times(2))
    assert run(model) == 14
    edited = switched(model, which)
    assert [run(edited), run(edited.eval())] == [expected, expected]


def test_one_call_of_a_module_shared_by_two_blocks_is_replaced() -> None:
    """Calls are counted in the innermost module that contains them all."""
    shared = Times(2)
    model = nn.Sequential(Block(shared), Block(shared))
    edited = switched(model, 3)
    expected = ((14 * 10 + 1) * 2 + 1) * 2  # the first block gives 14, as ever
    assert [run(edited), run(edited)] == [expected, expected]


def test_call_in_an_uncalled_container_is_replaced() -> None:
    """Calls of a module in a ModuleDict are counted in the module that runs them."""

    class Uses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.acts = nn.ModuleDict({"act": Times(2)})

        def forward(self, x: Tensor) -> Tensor:
            return self.acts["act"](self.acts["act"](x) + 1)

    edited = switched(Uses(), 0)
    assert [run(edited), run(edited)] == [22, 22]


def test_call_count_restarts_after_a_failed_forward() -> None:
    """After a forward pass that raised, the next one counts its calls from the first."""
    edited = switched(Block(Times(2)), 0)
    edited.fail = True
    with pytest.raises(InterruptedError):
        run(edited)
    edited.fail = False
    assert run(edited) == 46


@pytest.mark.parametrize("reentrant", [True, False])
def test_activation_checkpointing_recomputes_the_same_calls(reentrant: bool) -> None:
    """Under activation checkpointing the gradient is the derivative of the edited forward pass."""
    block = switched(Block(Times(2)), 0)
    x = torch.ones(1, 1, requires_grad=True)
    out = checkpoint(block, x, use_reentrant=reentrant)
    (gradient,) = torch.autograd.grad(out, x) if not reentrant else (None,)
    if gradient is None:
        out.backward()
        gradient = x.grad
    assert gradient is not None
    assert [out.item(), gradient.item()] == [46, 40]


def test_unexpected_extra_call_is_refused() -> None:
    """An extra call of a shared module raises an error, as its index cannot be known."""
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
def test_copied_model_counts_its_own_calls(copied: Any) -> None:
    """A copied model gives the right results and does not advance the original's call count."""
    edited = switched(Block(Times(2)), 1)
    other = copied(edited)
    switch = next(m for m in edited.modules() if isinstance(m, CallSwitch))
    assert switch.calls == 0
    assert [run(other), run(other)] == [62, 62]
    assert switch.calls == 0


def test_loaded_model_keeps_its_hook_if_another_is_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model loaded in a new process, where hook ids start at 0 again, keeps its hook."""
    next_id = "torch.utils.hooks.RemovableHandle.next_id"
    monkeypatch.setattr(next_id, 0)
    buffer = io.BytesIO()
    torch.save(switched(Block(Times(2)), 0), buffer)
    monkeypatch.setattr(next_id, 0)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    loaded.register_forward_pre_hook(lambda *_: None)
    assert [run(loaded), run(loaded)] == [46, 46]


def test_edited_model_compiles_without_graph_breaks() -> None:
    """`torch.compile` takes an edited model as one full graph."""
    edited = switched(Block(Times(2)), 2)
    compiled = torch.compile(edited, backend="eager", fullgraph=True)
    assert [run(compiled), run(compiled)] == [70, 70]
