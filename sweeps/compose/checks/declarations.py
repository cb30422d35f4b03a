"""The declared fields of the class that a `_target_` names, read without importing its module.

A trick's module imports torch, which takes seconds; what its fields may be is in its source.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from darkmagic.trainers.declare.expressions import evaluate
from darkmagic.trainers.declare.kinds import Declared
from darkmagic.trainers.fields import DECLARERS

__all__ = ["ClassFields", "class_fields"]

OURS = "darkmagic.trainers."
TRICKS = ("darkmagic.trainers.tricks", "darkmagic.trainers.trick")


@dataclass(frozen=True)
class ClassFields:
    """The fields of a class. `names` has those without a declaration too.

    `closed` says that no other keyword is taken: fields beside `names` are mistakes.
    """

    name: str
    declared: Mapping[str, Declared] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    constraints: tuple[str, ...] = ()
    closed: bool = False


def class_fields(target: str) -> ClassFields | None:
    """Return the fields of the class with the dotted name `target`, its bases' included.

    None where its source is not found here, or has no such class: nothing is known then.
    """
    module, _, name = target.rpartition(".")
    found = _find_class(module, name)
    if found is None:
        return None
    source, node = found
    declared: dict[str, Declared] = {}
    names: set[str] = set()
    constraints: tuple[str, ...] = ()
    for owner, cls in reversed(list(_lineage(source, node))):
        for line in cls.body:
            if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
                continue
            if line.target.id == "constraints" and line.value is not None:
                constraints = owner.value(line.value)
            if "ClassVar" not in ast.unparse(line.annotation):
                names.add(line.target.id)
                declared.pop(line.target.id, None)
                if (declaration := owner.declaration(line.value)) is not None:
                    declared[line.target.id] = declaration
    closed = bool(declared) or source.name.startswith(TRICKS)
    return ClassFields(node.name, declared, frozenset(names), constraints, closed)


class _Module:
    """The source of a module: its names, and the declarations that are written in it."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.classes: dict[str, ast.ClassDef] = {}
        self.assigned: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_bytes()).body:
            match node:
                case ast.ClassDef(name=defined):
                    self.classes[defined] = node
                case ast.Assign(targets=[ast.Name(id=defined)], value=value):
                    self.assigned[defined] = value
                case ast.AnnAssign(target=ast.Name(id=defined), value=ast.expr() as value):
                    self.assigned[defined] = value
                case ast.ImportFrom(module=str(origin), names=aliases, level=0):
                    for alias in aliases:
                        self.imported[alias.asname or alias.name] = (origin, alias.name)

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression of constants; a `Literal` is a tuple of its words."""
        match node:
            case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
                choices = choices if isinstance(choices, ast.Tuple) else ast.Tuple([choices])
                return evaluate(choices, self._named)
            case ast.Name(id=name):
                return self._named(name)
        return evaluate(node, self._named)

    def _named(self, name: str) -> Any:
        if name in self.assigned:
            return self.value(self.assigned[name])
        if name in self.imported:
            origin, original = self.imported[name]
            module = _read(origin)
            if module is not None:
                return module._named(original)  # noqa: SLF001 (another of this class)
        raise ValueError(f"{self.name} has no constant {name!r}")

    def declaration(self, node: ast.expr | None) -> Declared | None:
        """Return the declaration that `node` calls for; None for any other expression."""
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                origin, original = self.imported.get(name, ("", ""))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr=original),
                args=args,
                keywords=keywords,
            ):
                origin = ".".join(self.imported.get(owner, ("", "")))
            case _:
                return None
        if not f"{origin}.".startswith(OURS) or original not in DECLARERS:
            return None
        try:
            options = {key.arg: self.value(key.value) for key in keywords if key.arg is not None}
            made = DECLARERS[original](*(self.value(arg) for arg in args), **options)
        except (TypeError, ValueError):  # not of constants: its class checks it when it is made
            return None
        declared: Declared = made.metadata["declared"]
        return declared


def _find_class(module: str, name: str) -> tuple[_Module, ast.ClassDef] | None:
    """Find a class by its name, an alias of it, or the name under which it is imported."""
    source = _read(module)
    if source is None:
        return None
    if name in source.classes:
        return source, source.classes[name]
    alias = source.assigned.get(name)
    if isinstance(alias, ast.Name) and alias.id != name:
        return _find_class(module, alias.id)
    if name in source.imported and source.imported[name] != (module, name):
        return _find_class(*source.imported[name])
    return None


def _lineage(source: _Module, node: ast.ClassDef) -> Iterator[tuple[_Module, ast.ClassDef]]:
    """Yield a class and those that it inherits from, as far as there is source, nearest first."""
    yield source, node
    for base in node.bases:
        if isinstance(base, ast.Name):
            found = _find_class(source.name, base.id)
            if found is not None and found[1] is not node:
                yield from _lineage(*found)


def _read(module: str) -> _Module | None:
    spec = _find_module(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return _parse(module, path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _parse(module: str, path: Path, _changed: int) -> _Module | None:
    try:
        return _Module(module, path)
    except SyntaxError:  # the process that imports it says so, with the line
        return None


def _find_module(module: str) -> ModuleSpec | None:
    """Find a module as the process of a trial does, importing none of its parents.

    Users' own modules are found in the current folder first.
    """
    folders: list[str] = [str(Path.cwd()), *sys.path]
    spec = None
    prefix = ""
    for part in module.split("."):
        prefix = f"{prefix}.{part}" if prefix else part
        spec = PathFinder.find_spec(prefix, folders)
        for finder in sys.meta_path:
            spec = spec or finder.find_spec(prefix, folders if "." in prefix else None)
        if spec is None:
            return None
        if spec.loader is not None:
            folders = list(spec.submodule_search_locations or [])
        else:  # a folder without `__init__.py`, whose own list of places needs its parent imported
            folders = [folder for place in folders if Path(folder := f"{place}/{part}").is_dir()]
    return spec
