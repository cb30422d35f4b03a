"""Replaces modules of a network, and calls of functions, call by call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from darkmagic.trainers.models.graph import Call, Trace
from darkmagic.trainers.models.places_edited import note_kinds
from darkmagic.trainers.models.sites.functions import FunctionCall
from darkmagic.trainers.models.sites.site import Site, put_at_site
from darkmagic.trainers.trick import NotApplicable

__all__ = ["CallSwitch", "replace_calls"]


class CallSwitch(nn.Module):
    """Several modules in the place of one that its `owner` calls several times a forward.

    The n-th call since the owner's forward began goes to `sites[n]`. Counting restarts
    there, and not after the last call, so an exception half-way or activation checkpointing,
    which runs the owner's forward again and may stop early, cannot shift it. A call beyond
    the last (checkpointing of a part of the owner) raises `RuntimeError`, as its site is
    unknown.
    """

    def __init__(self, sites: Sequence[nn.Module], owner: nn.Module) -> None:
        super().__init__()
        self.sites = nn.ModuleList(sites)
        self.calls = 0
        # A bound method follows deepcopy and pickle to the copy. The handle is kept because
        # unpickling it reserves the hook's id: without, the next hook of the owner takes it.
        self.handle = owner.register_forward_pre_hook(self.restart)

    def restart(self, owner: nn.Module, inputs: Any) -> None:
        """Count from the first site again."""
        del owner, inputs
        self.calls = 0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the site whose turn it is."""
        if self.calls == len(self.sites):
            raise RuntimeError(
                f"a module shared by {len(self.sites)} places was called once more: "
                "give each place of the network a module of its own"
            )
        site = self.sites[self.calls]
        self.calls += 1
        return site(*args, **kwargs)


def replace_calls(
    model: nn.Module, trace: Trace, replacements: Mapping[Call, nn.Module]
) -> nn.Module:
    """Return `model`, edited in place, with each call of `trace` going to its replacement.

    A module called once is replaced wherever it is registered. One called at several places
    becomes a `CallSwitch`, which leaves the other places as they were. A function, or a module
    without a name, is replaced in the code that calls it. Raises `NotApplicable` where neither can
    be done.
    """
    for call in replacements:
        _refuse_unreachable(call)
    note_kinds(call.kind for call in replacements)
    slots: dict[nn.Module, list[tuple[nn.Module, str]]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if path:
            parent, _, name = path.rpartition(".")
            slots.setdefault(module, []).append((model.get_submodule(parent), name))
    firsts: dict[nn.Module | Site, Call] = {}
    for call in replacements:
        firsts.setdefault(call.place, call)
    for first in firsts.values():
        calls = trace.calls_at(first)
        replacement = _at_place(calls, replacements)
        if first.site is not None:
            alone = _takes_input_alone(replacement)
            put_at_site(first.site, first.kind.lower(), replacement, alone=alone)
            continue
        if first.module is model:
            model = replacement
        for parent, name in slots.get(first.module, []):
            setattr(parent, name, replacement)
    return model


def _at_place(calls: Sequence[Call], replacements: Mapping[Call, nn.Module]) -> nn.Module:
    """Return what is to be in the place that makes all `calls`."""
    if len(calls) == 1:
        replacement = replacements[calls[0]]
    else:
        sites = [replacements.get(call, call.module) for call in calls]
        replacement = CallSwitch(sites, _innermost_around(calls))
    if calls[0].registered:
        _keep_readable(replacement, calls[0].module)
    return replacement


def _keep_readable(replacement: nn.Module, old: nn.Module) -> None:
    """Let a forward that reads a number of `old`, such as `self.norm.num_features`, find it."""
    for name, value in vars(old).items():
        numbers = value if isinstance(value, tuple) else (value,)
        plain = all(isinstance(number, bool | int | float) for number in numbers)
        if plain and not name.startswith("_") and not hasattr(replacement, name):
            setattr(replacement, name, value)


def _refuse_unreachable(call: Call) -> None:
    if not call.replaceable:
        raise NotApplicable(
            f"the model calls {call.kind} where nothing can be put in its place: register it as a "
            "module, or call it in the method of one"
        )
    if not call.registered and any(True for _ in call.module.parameters()):
        raise NotApplicable(
            f"the model calls a {call.kind} that is registered under no name, so that its weights "
            "are never trained: put it in an nn.ModuleList, or give it a name"
        )


def _takes_input_alone(replacement: nn.Module) -> bool:
    """Whether no part of it is the function itself, which takes all that the code gives it."""
    return not any(isinstance(part, FunctionCall) for part in replacement.modules())


def _innermost_around(calls: Sequence[Call]) -> nn.Module:
    """Return the module one of whose forwards makes all `calls`."""
    paths = [call.path[:-1] for call in calls]
    shared = [call for call in paths[0] if all(call in path for path in paths)]
    return next(call.module for call in reversed(shared) if call.registered)
