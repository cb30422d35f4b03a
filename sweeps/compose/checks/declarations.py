"""The declared fields of the class or function that a `_target_` names, without its import.

The modules of tricks and models import torch, which takes seconds; declarations are in their
source.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from darkmagic.trainers.declare.expressions import evaluate
from darkmagic.trainers.declare.kinds import Declared
from darkmagic.trainers.fields import DECLARERS, with_default

__all__ = ["TargetFields", "find_module", "target_fields"]

OURS = "darkmagic.trainers."
TRICKS = ("darkmagic.trainers.tricks", "darkmagic.trainers.trick")
Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class TargetFields:
    """The fields of a dataclass, or the arguments of a function or of a class's `__init__`.

    `names` has those without a declaration too. `closed` is whether no other keyword is taken,
    so that fields beside `names` are mistakes.
    """

    name: str
    declared: Mapping[str, Declared] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    constraints: tuple[str, ...] = ()
    closed: bool = False


def target_fields(target: str) -> TargetFields | None:
    """Return the fields of the class or function with the dotted name `target`, or None.

    Those of a class's bases are included. None where the source is not found, or defines no
    such name.
    """
    module, _, name = target.rpartition(".")
    found = _find(module, name)
    if found is None:
        return None
    source, node = found
    if isinstance(node, ast.FunctionDef):
        return _arguments(source, node, node.name)
    return _constructor(source, node) or _class_fields(source, node)


def _class_fields(source: _Module, node: ast.ClassDef) -> TargetFields:
    declared: dict[str, Declared] = {}
    names: set[str] = set()
    constraints: tuple[str, ...] = ()
    for owner, cls in reversed(list(_lineage(source, node))):
        for line in cls.body:
            if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
                continue
            if "ClassVar" in ast.unparse(line.annotation):
                if line.target.id == "constraints" and line.value is not None:
                    constraints = owner.value(line.value)
            else:
                names.add(line.target.id)
                declared.pop(line.target.id, None)
                if (declaration := owner.declaration(line.value)) is not None:
                    declared[line.target.id] = declaration
    closed = bool(declared) or source.name.startswith(TRICKS)
    return TargetFields(node.name, declared, frozenset(names), constraints, closed)


def _constructor(source: _Module, node: ast.ClassDef) -> TargetFields | None:
    """Return the arguments of the class's `__init__`, its own or inherited; None if undeclared."""
    for owner, cls in _lineage(source, node):
        for line in cls.body:
            if isinstance(line, ast.FunctionDef) and line.name == "__init__":
                found = _arguments(owner, line, node.name)
                return found if found.declared else None
    return None


def _arguments(source: _Module, node: ast.FunctionDef, name: str) -> TargetFields:
    positional = [*node.args.posonlyargs, *node.args.args]
    first_default = len(positional) - len(node.args.defaults)
    defaults: list[ast.expr | None] = [None] * first_default + list(node.args.defaults)
    every = [*positional, *node.args.kwonlyargs]
    declared = {}
    for argument, default in zip(every, [*defaults, *node.args.kw_defaults], strict=True):
        declaration = source.annotated(argument.annotation)
        if declaration is not None:
            given = declaration if default is None else source.with_default(declaration, default)
            declared[argument.arg] = given
    names = frozenset(argument.arg for argument in every) - {"self"}
    closed = bool(declared) and node.args.kwarg is None
    return TargetFields(name, declared, names, closed=closed)


class _Module:
    """The source of a module: its names, and the declarations that are written in it."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.defined: dict[str, Definition] = {}
        self.assigned: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_bytes()).body:
            match node:
                case ast.ClassDef(name=defined) | ast.FunctionDef(name=defined):
                    self.defined[defined] = node
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

    def annotated(self, node: ast.expr | None) -> Declared | None:
        """Return the declaration in an annotation `Annotated[TYPE, DECLARATION]`; None if none."""
        match node:
            case ast.Subscript(
                value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"),
                slice=ast.Tuple(elts=[_, *extras]),
            ):
                found = (self.declaration(each) for each in extras)
                return next((each for each in found if each is not None), None)
            case ast.Name(id=name) if name in self.assigned:
                return self.annotated(self.assigned[name])
        return None

    def with_default(self, declared: Declared, default: ast.expr) -> Declared:
        """Return `declared` with the value of `default`; None stands for one that is not known."""
        try:
            return with_default(declared, self.value(default))
        except ValueError:
            return replace(declared, default=None)

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


def _find(module: str, name: str) -> tuple[_Module, Definition] | None:
    """Find a class or function by its name, an alias, or the name under which it is imported."""
    source = _read(module)
    if source is None:
        return None
    if name in source.defined:
        return source, source.defined[name]
    alias = source.assigned.get(name)
    if isinstance(alias, ast.Name) and alias.id != name:
        return _find(module, alias.id)
    if name in source.imported and source.imported[name] != (module, name):
        return _find(*source.imported[name])
    return None


def _lineage(source: _Module, node: ast.ClassDef) -> Iterator[tuple[_Module, ast.ClassDef]]:
    """Yield a class and those that it inherits from, as far as there is source, nearest first."""
    yield source, node
    for base in node.bases:
        if isinstance(base, ast.Name):
            found = _find(source.name, base.id)
            if found is not None and isinstance(found[1], ast.ClassDef) and found[1] is not node:
                yield from _lineage(found[0], found[1])


def _read(module: str) -> _Module | None:
    spec = find_module(module)
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


def find_module(module: str) -> ModuleSpec | None:
    """Find a module as the process of a trial does, importing none of its parents.

    Users' own modules are found in the current folder first.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        return None
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
