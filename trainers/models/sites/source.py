"""A method's code, read from its file, with some of its calls going to modules of its owner."""

from __future__ import annotations
import __future__

import ast
import copy
import linecache
from collections.abc import Mapping
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

__all__ = ["Form", "Position", "call_form", "redirect_calls"]

Position = tuple[int, int, int, int]
"""First line, last line, first column and last column, as code objects count them."""
Form = tuple[str, bool]
"""The name of the module that is called, and whether it takes the first argument alone."""

_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


@lru_cache(maxsize=64)
def _parsed(filename: str) -> ast.Module | None:
    lines = linecache.getlines(filename)
    try:
        return ast.parse("".join(lines)) if lines else None
    except SyntaxError:
        return None


@lru_cache(maxsize=512)
def _definition(code: CodeType) -> ast.FunctionDef | None:
    """Return the definition that `code` was compiled of; None where its file does not have it."""
    tree = _parsed(code.co_filename)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                same = _compiled(node, code, "_")
                return node if same is not None and same.co_code == code.co_code else None
    return None


def _nodes(definition: ast.FunctionDef) -> Mapping[Position, ast.expr | ast.AugAssign]:
    """Return the calls and sums of a definition, by the position that code objects give them."""
    found: dict[Position, ast.expr | ast.AugAssign] = {}
    for node in ast.walk(definition):
        if isinstance(node, ast.Call | ast.BinOp | ast.AugAssign):
            end = (node.end_lineno or 0, node.end_col_offset or 0)
            found[node.lineno, end[0], node.col_offset, end[1]] = node
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                # A call of a method over several lines is said to begin at the method's name.
                name = node.func
                column = (name.end_col_offset or 0) - len(name.attr.encode())
                found.setdefault((name.end_lineno or 0, end[0], column, end[1]), node)
    return found


def call_form(code: CodeType, position: Position, *, of_input: bool) -> str | None:
    """Return what is written at `position`: call, method (`of_input`), add or iadd.

    None where the source is not to be had, has changed, or has something else there.
    """
    definition = _definition(code)
    node = _nodes(definition).get(position) if definition is not None else None
    if isinstance(node, ast.Call):
        if any(isinstance(each, ast.Starred) for each in node.args):
            return None
        if of_input:
            return "method" if isinstance(node.func, ast.Attribute) else None
        return "call"
    if isinstance(node, ast.BinOp):
        return "add" if isinstance(node.op, ast.Add) else None
    if isinstance(node, ast.AugAssign):
        plain = isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name)
        return "iadd" if plain else None
    return None


def redirect_calls(
    function: FunctionType, forms: Mapping[Position, Form], methods: frozenset[Position]
) -> FunctionType:
    """Return `function`, a method, with the calls at some positions going to modules of `self`.

    Those among `methods` are calls of a method of their input. `call_form` has said that each of
    the positions has a call.
    """
    code = function.__code__
    definition = _definition(code)
    assert definition is not None
    changed = _Redirect(code.co_varnames[0], forms, methods, _nodes(definition))
    compiled = _compiled(changed.apply(definition), code, function.__qualname__)
    assert compiled is not None
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    new = FunctionType(
        compiled,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells[name] for name in compiled.co_freevars),
    )
    new.__kwdefaults__ = function.__kwdefaults__
    new.__qualname__ = function.__qualname__
    new.__doc__ = function.__doc__
    return new


class _Redirect(ast.NodeTransformer):
    def __init__(
        self,
        owner: str,
        forms: Mapping[Position, Form],
        methods: frozenset[Position],
        nodes: Mapping[Position, ast.AST],
    ) -> None:
        self.owner = owner
        self.forms = {_key(nodes[position]): form for position, form in forms.items()}
        self.methods = {_key(nodes[position]) for position in methods}

    def apply(self, definition: ast.FunctionDef) -> ast.FunctionDef:
        changed: ast.FunctionDef = self.visit(copy.deepcopy(definition))
        return ast.fix_missing_locations(changed)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        key = _key(node)
        self.generic_visit(node)
        if key not in self.forms:
            return node
        args = list(node.args)
        if key in self.methods:
            assert isinstance(node.func, ast.Attribute)
            args.insert(0, node.func.value)
        return self._call(node, key, args, node.keywords)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        key = _key(node)
        self.generic_visit(node)
        return self._call(node, key, [node.left, node.right], []) if key in self.forms else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        key = _key(node)
        self.generic_visit(node)
        if key not in self.forms or not isinstance(node.target, ast.Name):
            return node
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        value = self._call(node, key, [read, node.value], [])
        return ast.copy_location(ast.Assign([node.target], value), node)

    def _call(
        self, node: ast.AST, key: tuple[Any, ...], args: list[ast.expr], keywords: list[ast.keyword]
    ) -> ast.Call:
        name, alone = self.forms[key]
        if alone:
            args = args[:1] or [k.value for k in keywords if k.arg in ("input", "self")]
            keywords = []
        owner = ast.Attribute(ast.Name(self.owner, ast.Load()), name, ast.Load())
        return ast.copy_location(ast.Call(owner, args, keywords), node)


def _key(node: Any) -> tuple[Any, ...]:
    place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
    return (type(node).__name__, *place)


def _compiled(definition: ast.FunctionDef, code: CodeType, qualname: str) -> CodeType | None:
    """Return the code of a method's `definition`, with the free variables that `code` has."""
    plain = copy.copy(definition)
    plain.decorator_list = []
    # A class around it, for names with two underscores and for `super()`.
    owner = qualname.rpartition(".")[0].rpartition(".")[2] or "_"
    inside = ast.ClassDef(owner, bases=[], keywords=[], body=[plain], decorator_list=[])
    body: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None))
        for name in code.co_freevars
        if name != "__class__"
    ]
    around = ast.parse("def around(): pass")
    function = around.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*body, inside]
    tree = _parsed(code.co_filename)
    around.body[:0] = _imports(tree.body if tree is not None else [])
    ast.fix_missing_locations(around)
    flags = code.co_flags & _FUTURE
    found: CodeType = compile(around, code.co_filename, "exec", flags=flags, dont_inherit=True)
    for name in ("around", owner, definition.name):
        inner = [c for c in found.co_consts if isinstance(c, CodeType) and c.co_name == name]
        if not inner:
            return None
        found = inner[0]
    return found


def _imports(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return a module's imports: attributes of what it imports are compiled in their own way."""
    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                found += _imports(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                found += _imports(handler.body)
    return found
