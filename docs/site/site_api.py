"""A page for each package with public names: signature, docstring and example, without imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from darkmagic.lazy import read_stub
from site_links import REPO

__all__ = ["TRICKS", "api_pages", "documented", "public_names"]

TRICKS = "darkmagic.trainers.tricks"
"""Its names stand on the tricks' own pages."""
ROOT = REPO / "cli" / "package"
Definition = ast.ClassDef | ast.FunctionDef


def api_pages() -> dict[str, str]:
    """Return the text of each page by its path on the site, the list of packages first."""
    stubs = {
        _package(path.parent): path
        for folder in ("cli/package", "checklist", "trainers", "sweeps")
        for path in sorted((REPO / folder).rglob("__init__.pyi"))
    }
    pages = {}
    for package, path in stubs.items():
        if package != TRICKS:
            pages[f"api/{package}.md"] = "\n".join(_page(package, path))
    head = [
        "# Public names",
        "",
        "What may be imported, package by package; everything else may move. Each name is typed,",
        "and its example is run by a test. [python.md](../python.md) shows how they go together.",
        "",
        *(f"- [`{path[4:-3]}`]({path[4:]})" for path in pages),
        f"- `{TRICKS}`: on the page of each [trick](../tricks/index.md)",
        "",
    ]
    return {"api/index.md": "\n".join(head), **pages}


def _package(folder: Path) -> str:
    inside = folder.relative_to(ROOT if folder.is_relative_to(ROOT) else REPO)
    return ".".join(["darkmagic", *inside.parts])


def _page(package: str, stub: Path) -> Iterator[str]:
    yield f"# {package}\n"
    for module, name in public_names(stub):
        yield from documented(module, name)


def public_names(stub: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each public name of a stub."""
    for name, module in read_stub(stub).items():
        if not name.startswith("_"):
            yield module, name


def documented(module: str, name: str, level: str = "##") -> Iterator[str]:
    """Yield the lines about a public name: its signature, docstring, and public methods.

    `level` is the heading's.
    """
    found = _definition(module, name)
    if found is None:
        yield f"{level} {name}\n\nA package of its own: `{module}.{name}`.\n"
        return
    yield f"{level} {name}\n"
    yield f"```python\n{_signature(found)}\n```\n"
    yield _markdown(ast.get_docstring(found) or "")
    for method in found.body if isinstance(found, ast.ClassDef) else ():
        public = isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
        if public and (text := ast.get_docstring(method)):
            yield f"\n{level}# {name}.{method.name}\n"
            yield f"```python\n{_signature(method)}\n```\n"
            yield _markdown(text)
    yield ""


def _definition(module: str, name: str) -> Definition | None:
    """Return what defines `name` in a module; None for a package."""
    inside = "/".join(module.split(".")[1:])
    for path in (base / f"{inside}.py" for base in (ROOT, REPO)):
        for node in ast.parse(path.read_text()).body if path.exists() else ():
            if isinstance(node, Definition) and node.name == name:
                return node
    return None


def _signature(node: Definition) -> str:
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"def {node.name}({ast.unparse(node.args)}){returns}"
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    lines = [f"class {node.name}({bases}):" if bases else f"class {node.name}:"]
    for child in node.body:
        if isinstance(child, ast.AnnAssign) and not ast.unparse(child.target).startswith("_"):
            lines.append(f"    {ast.unparse(child)}")
        elif isinstance(child, ast.FunctionDef) and child.name == "__init__":
            lines.append(f"    {_signature(child)}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    ..."])


def _markdown(docstring: str) -> str:
    r"""Return a docstring whose examples are fenced.

    >>> print(_markdown("Add.\n\n>>> 1 + 1\n2\n\nEnd.").replace("`", "'"))
    Add.
    <BLANKLINE>
    '''pycon
    >>> 1 + 1
    2
    '''
    <BLANKLINE>
    End.
    """
    blocks = re.split(r"\n\s*\n", docstring)
    return "\n\n".join(f"```pycon\n{b}\n```" if b.lstrip().startswith(">>>") else b for b in blocks)
