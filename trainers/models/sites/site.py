"""A place of a module's code that calls a function, or a module that has no name there."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType, FunctionType, MethodDescriptorType
from typing import Any

import torch
from torch import nn

from darkmagic.trainers.models.sites.source import Form, Position, call_form, redirect_calls

__all__ = ["Site", "find_site", "put_at_site"]

_TORCH = os.path.dirname(torch.__file__) + os.sep  # noqa: PTH120 (of frames' file names)
_ENTRY = "_wrapped_call_impl"
"""The frame that each call of a module has."""


@dataclass(frozen=True)
class Site:
    """A call that `owner` writes in one of its methods, at `position`.

    `form` is call, method (of the input), add or iadd.
    """

    owner: nn.Module
    method: str
    position: Position
    form: str


def find_site(
    frame: FrameType | None, registered: Collection[nn.Module], function: object = None
) -> Site | None:
    """Return where the code of a registered module makes the call that `frame` is inside of.

    The call is of `function`, or without one of a module. None where it is not in a method that
    can be read and written anew: of torch, of a module without a name, of a function that is no
    method, or without a source.
    """
    entries, depth = 0, 0
    while frame is not None and frame.f_code.co_filename.startswith(_TORCH):
        entries += frame.f_code.co_name == _ENTRY
        depth += 1
        frame = frame.f_back
    inside = int(function is None)
    if frame is None or entries != inside or not frame.f_code.co_argcount:
        return None
    owner = frame.f_locals.get(frame.f_code.co_varnames[0])
    if not isinstance(owner, nn.Module) or owner not in registered:
        return None
    method = _method_name(type(owner), frame.f_code)
    position = _position(frame)
    if method is None or position is None:
        return None
    of_input = isinstance(function, MethodDescriptorType) and depth == 0
    form = call_form(_written(type(owner), method).__code__, position, of_input=of_input)
    return Site(owner, method, position, form) if form is not None else None


def _method_name(kind: type, code: CodeType) -> str | None:
    """Return the name by which instances of `kind` find the method whose code is `code`."""
    for base in kind.__mro__:
        for name, value in vars(base).items():
            if isinstance(value, FunctionType) and value.__code__ is code:
                return name if getattr(kind, name) is value else None
    return None


def _position(frame: FrameType) -> Position | None:
    found = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, left, right = found
    if first is None or last is None or left is None or right is None:
        return None
    return first, last, left, right


def put_at_site(site: Site, name: str, module: nn.Module, *, alone: bool) -> None:
    """Register `module` in the site's owner, and have the owner call it there.

    Its name is `name` and a number. It takes the first argument of the call that was there
    `alone`, or all of them. The owner gets a class of its own, with the method's code written anew:
    it has all its attributes, and copies, pickles and compiles like any other.
    """
    owner = site.owner
    number = next(n for n in range(1, 10**6) if not hasattr(owner, f"{name}_{n}"))
    owner.add_module(f"{name}_{number}", module)
    base, sites = _original(type(owner))
    place = (site.method, site.position, site.form == "method", f"{name}_{number}", alone)
    owner.__class__ = _redirected(base, (*sites, place))


_Place = tuple[str, Position, bool, str, bool]


def _original(kind: type) -> tuple[type, tuple[_Place, ...]]:
    """Return the class that the author wrote, and the places whose calls go elsewhere."""
    original: tuple[type, tuple[_Place, ...]] = vars(kind).get("_redirected_from", (kind, ()))
    return original


def _written(kind: type, method: str) -> FunctionType:
    written: FunctionType = getattr(_original(kind)[0], method)
    return written


@lru_cache(maxsize=1024)
def _redirected(base: type, places: tuple[_Place, ...]) -> type[nn.Module]:
    methods: dict[str, Any] = {}
    for method in {place[0] for place in places}:
        forms: Mapping[Position, Form] = {p: (n, a) for m, p, _, n, a in places if m == method}
        of_input = frozenset(p for m, p, is_method, _, _ in places if m == method and is_method)
        methods[method] = redirect_calls(getattr(base, method), forms, of_input)
    names = ("__module__", "__qualname__", "__doc__")
    return type(
        base.__name__,
        (base,),
        {
            **{name: getattr(base, name) for name in names},
            **methods,
            "_redirected_from": (base, places),
            "__reduce_ex__": _reduce,
        },
    )


def _reduce(module: nn.Module, protocol: int) -> tuple[Any, ...]:
    """Say how to copy or unpickle a module whose class is found under no name."""
    del protocol
    return _blank, _original(type(module)), dict(vars(module))


def _blank(base: type, places: tuple[_Place, ...]) -> nn.Module:
    kind = _redirected(base, places)
    return kind.__new__(kind)
