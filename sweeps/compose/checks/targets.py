"""Targets that no process could import: found from the source, before anything is trained."""

from __future__ import annotations

import ast
import functools
import pkgutil
from importlib.machinery import ModuleSpec
from pathlib import Path

from darkmagic.checklist.errors import nearest
from darkmagic.sweeps.compose.checks.declarations import find_module

__all__ = ["target_problem"]

MAX_DEPTH = 3
"""Modules that are followed through `from x import *`."""


def target_problem(target: str) -> str | None:
    """Return why `_target_` cannot be imported, with the nearest name; None if it may be.

    Modules are looked for as a trial's process does, and are not imported: what a module makes
    while it runs is not known, so None is no promise.

    >>> target_problem("darkmagic.trainers.data.shapes.Shape")
    "module darkmagic.trainers.data.shapes has no 'Shape'; did you mean Shapes?"
    """
    module, _, name = target.rpartition(".")
    if not module or not all(part.isidentifier() for part in target.split(".")):
        return "need a dotted name, such as my_package.my_module.MyNet"
    spec = find_module(module)
    if spec is None:
        return _missing_module(module)
    if find_module(target) is not None:
        return "it is a module; name a class or a function in it"
    known = _names(module, spec, MAX_DEPTH)
    if known is None or name in known:
        return None
    public = [each for each in known if not each.startswith("_")]
    return f"module {module} has no {name!r}; " + nearest(name, public)


def _missing_module(module: str) -> str | None:
    """Return a line about the first part of `module` that there is not."""
    parent, _, name = module.rpartition(".")
    spec = find_module(parent) if parent else None
    if parent and spec is None:
        return _missing_module(parent)
    if spec is not None and spec.submodule_search_locations is None:
        known = _names(parent, spec, MAX_DEPTH)  # a class within the module, perhaps
        if known is None or name in known:
            return None
        return f"module {parent} has no {name!r}; " + nearest(name, known)
    folders = list(spec.submodule_search_locations or []) if spec else [str(Path.cwd())]
    beside = [each.name for each in pkgutil.iter_modules(folders)]
    found = nearest(name, beside) if beside else "install it, or run where it is"
    where = f" in {parent}" if parent else ""
    return f"no module {name!r}{where}; {found}"


def _names(module: str, spec: ModuleSpec, depth: int) -> frozenset[str] | None:
    """Return the names in a module's source; None where not all of them are written there."""
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    stub = path.with_suffix(".pyi")  # of a package that imports its names when asked for
    path = stub if module.startswith("darkmagic.") and stub.exists() else path
    return _names_in(module, path, path.stat().st_mtime_ns, depth)


@functools.lru_cache(maxsize=256)
def _names_in(module: str, path: Path, _changed: int, depth: int) -> frozenset[str] | None:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the process that imports it says so, with the line
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases):
                names |= {(a.asname or a.name).partition(".")[0] for a in aliases}
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                origin = _origin(module, path, node)
                spec = find_module(origin) if depth else None
                found = _names(origin, spec, depth - 1) if spec else None
                if found is None:
                    return None
                names |= found
            case ast.ImportFrom(names=aliases):
                names |= {a.asname or a.name for a in aliases}
            case ast.Call(func=ast.Name(id="globals" | "setattr")):
                return None
    return None if "__getattr__" in names else frozenset(names)


def _origin(module: str, path: Path, node: ast.ImportFrom) -> str:
    """Return the full name of the module that `node` imports from."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])
