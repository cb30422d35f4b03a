"""Replacing modules of a network by name."""

from __future__ import annotations

from torch import nn

__all__ = ["replace_module"]


def replace_module(network: nn.Module, name: str, new: nn.Module) -> None:
    """Put `new` in the place of the module called `name` (dotted, as in `named_modules`).

    A module that has several names is replaced under this one alone. Raises `ValueError` for
    the network itself, which has no place to be put in.
    """
    if not name:
        raise ValueError("the network as a whole cannot be replaced by one of its parts")
    owner, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(owner), attribute, new)
