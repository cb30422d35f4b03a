"""Functions and classes of a notebook or a script, which no other process could import.

They are written to the cache by value, and the configuration has their name and a digest of what
they are made of: their code, their defaults and what they use of the same notebook. A cell that is
run again, in another kernel too, gives the same digest, so that its trials are found again; one
that is changed gives another. What they import is taken by its name.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle

from darkmagic.checklist.errors import UserError
from darkmagic.trainers.outputs.durable import write_file
from darkmagic.trainers.runtime.cache import cache_folder

__all__ = ["call", "digest", "importable", "keep", "load"]

IGNORED = ("__dict__", "__weakref__", "__module__", "__doc__", "__firstlineno__")
"""Of a class: what depends on where it is written, or is made for it."""


def importable(thing: Any) -> str | None:
    """Return the dotted name under which another process can import `thing`; None without one.

    >>> importable(Path), importable(lambda: None)
    ('pathlib.Path', None)
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if module is None or name is None or module == "__main__" or not name.isidentifier():
        return None
    loaded = sys.modules.get(module)
    if getattr(loaded, name, None) is not thing or getattr(loaded, "__spec__", None) is None:
        return None
    return f"{module}.{name}"


def keep(thing: Any) -> dict[str, Any]:
    """Write `thing` into the cache, and return the fields by which `load` finds it there.

    Raises `UserError` where it cannot be written, as when it holds an open file.
    """
    name = getattr(thing, "__name__", type(thing).__name__).strip("<>")
    try:
        found = digest(thing)
        payload = cloudpickle.dumps(thing)
    except Exception as error:
        raise UserError(
            f"cannot send {name} to the processes of trials ({error}); define it in a module, and "
            "give its name: 'my_module.make'"
        ) from error
    path = _path(name, found)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, lambda file: file.write(payload))
    return {"name": name, "digest": found}


def load(name: str, digest: str) -> Any:
    """Return the function or class that `keep` wrote. Raises `ValueError` where it is gone."""
    path = _path(name, digest)
    if not path.exists():
        raise ValueError(
            f"{name} was defined in a notebook or a script, and {path} is gone: run that again, or "
            "define it in a module"
        )
    return cloudpickle.loads(path.read_bytes())


def call(name: str, digest: str) -> Any:
    """Return what the function or class that `keep` wrote returns."""
    return load(name, digest)()


def _path(name: str, found: str) -> Path:
    """Return the file of a digest, in the cache that the environment names: it is no part of the
    configuration, so that a trial is the same one wherever the cache is.
    """
    cache = cache_folder(os.environ.get("DARKMAGIC_CACHE"))
    return cache / "functions" / f"{name}-{found}.pkl"


def digest(thing: Any) -> str:
    """Return 16 hex digits of what `thing` is made of, wherever and in which process it is defined.

    >>> def double(x, times=2): return times * x
    >>> def again(x, times=2): return times * x
    >>> digest(double) == digest(again), digest(double) == digest(lambda x: x)
    (True, False)
    """
    seen: dict[int, tuple[int, Any]] = {}
    found = hashlib.sha256()
    for part in _parts(thing, seen):
        found.update(part.encode(errors="surrogatepass") + b"\0")
    return found.hexdigest()[:16]


def _parts(thing: Any, seen: dict[int, tuple[int, Any]]) -> Iterator[str]:
    """Yield texts that tell `thing` from another; `seen` are numbered, and kept, by `id`."""
    if isinstance(thing, str | int | float | complex | bytes | type(None)):
        yield f"{type(thing).__name__} {thing!r}"
        return
    if id(thing) in seen:
        yield f"again {seen[id(thing)][0]}"
        return
    seen[id(thing)] = len(seen), thing
    name = importable(thing)
    if name is not None or isinstance(thing, ModuleType):
        yield f"import {name or thing.__name__}"
        return
    yield type(thing).__qualname__
    inner = next((inner for kind, inner in INNER if isinstance(thing, kind)), _pickled)
    for each in inner(thing):
        yield from _parts(each, seen)


def _of_function(function: FunctionType) -> Iterator[Any]:
    """Yield the code of `function`, its defaults, and the globals and cells that it uses."""
    code = function.__code__
    yield from (code, function.__defaults__, function.__kwdefaults__)
    for name in sorted(_global_names(code)):
        if name in function.__globals__:
            yield from (name, function.__globals__[name])
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # of a function that is defined later
            yield "empty"


def _global_names(code: CodeType) -> set[str]:
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in loads}
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return names.union(*map(_global_names, inner))


def _of_class(cls: type) -> Iterator[Any]:
    own = {key: value for key, value in vars(cls).items() if key not in IGNORED}
    yield from (cls.__name__, cls.__bases__, own)


def _pickled(thing: Any) -> Iterator[Any]:
    yield cloudpickle.dumps(thing)


INNER: Sequence[tuple[Any, Callable[[Any], Iterable[Any]]]] = (
    (list | tuple, lambda thing: thing),
    (dict, lambda thing: [part for item in sorted(thing.items(), key=repr) for part in item]),
    (set | frozenset, lambda thing: sorted(thing, key=repr)),
    (CodeType, lambda code: [code.co_code, code.co_names, code.co_varnames, *code.co_consts]),
    (functools.partial, lambda thing: [thing.func, thing.args, thing.keywords]),
    (FunctionType, _of_function),
    (type, _of_class),
    (staticmethod | classmethod, lambda thing: [thing.__func__]),
    (property, lambda thing: [thing.fget, thing.fset, thing.fdel]),
)
"""What things of each kind are made of."""
