"""Every edit of a network run once in both modes before it trains: nothing misses in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from darkmagic.trainers.errors import format_error
from darkmagic.trainers.models.fast_path import (
    call_edited_layers,
    fused_layers,
    without_fast_path,
)
from darkmagic.trainers.models.graph import Trace, evaluating, trace_model
from darkmagic.trainers.models.places_edited import Places, counting_places
from darkmagic.trainers.trick import NotApplicable

__all__ = ["close_outputs", "edit_and_verify", "logits_of"]

Edit = Callable[[nn.Module, Tensor], nn.Module]


def edit_and_verify(
    edit: Edit, model: nn.Module, example: Tensor, name: str, *, keeps_output: bool
) -> tuple[nn.Module, Places]:
    """Return `model` as `edit`, the trick `name`, leaves it, and the places it counted.

    Raises `NotApplicable` where a module that was put in is not called, in training or in
    evaluation; one that was taken out still is; what was edited is called in one mode alone
    elsewhere; the edited network fails; or it computes something else from `example` though it
    `keeps_output`.
    """
    before = frozenset(model.modules())
    logits = logits_of(model, example) if keeps_output else None
    with counting_places() as places:
        model = edit(model, example)
    after = frozenset(model.modules())
    if before == after and not places.kinds:
        return model, places
    call_edited_layers(model, after - before)
    try:
        traces = {
            "in evaluation": trace_model(model, example),
            "in training": trace_model(model, example, training=True),
        }
    except NotApplicable:
        raise
    except Exception as error:
        raise NotApplicable(f"with {name} the model fails: {format_error(error)}") from error
    put_in = list(_outermost(model, after - before))
    called = {mode: {call.module for call in trace.calls} for mode, trace in traces.items()}
    for mode in traces:
        _check_calls(called, put_in, before - after, name, mode)
    _check_modes(name, places, after - before, *traces.values())
    if fused_layers(model):
        with without_fast_path():
            unfused = logits_of(model, example)
        if not close_outputs(logits_of(model, example), unfused):
            raise NotApplicable(
                f"{name} would act in training alone: torch evaluates an attention layer of the "
                "model as one operation"
            )
    if logits is not None:
        _check_same(name, logits, logits_of(model, example))
    return model, places


def logits_of(model: nn.Module, example: Tensor) -> object:
    """Return what `model` gives for `example` in eval mode, which is left as it is."""
    with evaluating(model):
        return model(example.clone())


def _outermost(model: nn.Module, new: frozenset[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules of `new` that a module from before, or the model, has as its own."""
    parents = [*(module for module in model.modules() if module not in new)]
    within = {child for module in new for child in module.children()}
    held = {child for parent in parents for child in parent.children()}
    for module in model.modules():
        if module in new and (module in held or module not in within) and _has_forward(module):
            yield module


def _has_forward(module: nn.Module) -> bool:
    return type(module).forward is not nn.Module.forward


def _check_calls(
    called: Mapping[str, set[nn.Module]],
    put_in: list[nn.Module],
    taken_out: frozenset[nn.Module],
    name: str,
    mode: str,
) -> None:
    why = "the model reaches that place another way than by its name, such as a plain list"
    for module in put_in:
        if module not in called[mode]:
            if any(module in others for others in called.values()):
                why = "the model takes another way there"
            raise NotApplicable(
                f"{name} puts in a {type(module).__name__} that is not called {mode}: {why}"
            )
    for module in taken_out & called[mode]:
        raise NotApplicable(
            f"{name} takes out a {type(module).__name__} that is still called {mode}: {why}"
        )


def _check_modes(
    name: str, places: Places, new: frozenset[nn.Module], evaluation: Trace, training: Trace
) -> None:
    """Refuse an edit of a kind of layer that one of the modes calls and the other does not.

    What the edit itself put in may differ by mode, such as a head that only trains.
    """
    found = [{call.place for call in trace.calls} for trace in (evaluation, training)]
    for mode, trace in {"evaluation": evaluation, "training": training}.items():
        for call in trace.calls:
            shared = all(call.place in places_of for places_of in found)
            own = new.isdisjoint(around.module for around in call.path)
            of_data = call.input is not None  # a norm also counts its batches, in training alone
            if of_data and not shared and own and call.kind in places.kinds:
                raise NotApplicable(
                    f"{name} would edit one of two networks: the model calls a {call.kind} in "
                    f"{mode} alone"
                )


def _check_same(name: str, before: object, after: object) -> None:
    if not close_outputs(after, before):
        raise NotApplicable(
            f"{name} would start from another function than the model's, where it is to start "
            "from the same"
        )


def close_outputs(after: object, before: object) -> bool:
    """Whether two outputs are the same but for rounding; of what is no tensor nothing is said."""
    if not isinstance(before, Tensor) or not isinstance(after, Tensor):
        return True
    largest = float(before.abs().max())
    return before.shape == after.shape and torch.allclose(before, after, 1e-3, 1e-4 * largest)
