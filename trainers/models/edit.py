"""Replaces modules of a network call by call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from darkmagic.trainers.models.graph import Call, Trace

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
    becomes a `CallSwitch`, which leaves the other places as they were.
    """
    slots: dict[nn.Module, list[tuple[nn.Module, str]]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if path:
            parent, _, name = path.rpartition(".")
            slots.setdefault(module, []).append((model.get_submodule(parent), name))
    for module in dict.fromkeys(call.module for call in replacements):
        calls = trace.calls_of(module)
        if len(calls) == 1:
            replacement = replacements[calls[0]]
        else:
            sites = [replacements.get(call, module) for call in calls]
            replacement = CallSwitch(sites, _innermost_around(calls))
        if module is model:
            model = replacement
        for parent, name in slots.get(module, []):
            setattr(parent, name, replacement)
    return model


def _innermost_around(calls: Sequence[Call]) -> nn.Module:
    """Return the module one of whose forwards makes all `calls`."""
    paths = [call.path[:-1] for call in calls]
    shared = [call for call in paths[0] if all(call in path for path in paths)]
    return shared[-1].module
