"""The public names of `darkmagic.trainers.tricks`, from its modules: run me to write its stub.

python tests/trainers/trick_exports.py
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

__all__ = ["STUB", "exported_names", "tricks_stub"]

FOLDER = Path(__file__).parents[2] / "trainers" / "tricks"
WIDTH = 101  # of a line with its end, as ruff formats it
STUB = FOLDER / "__init__.pyi"


def exported_names(path: Path) -> list[str]:
    """Return the functions and classes that the module at `path` has in its `__all__`.

    Aliases of types are left out: they document themselves where they are used.
    """
    body = ast.parse(path.read_text()).body
    defined = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    listed: list[str] = []
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = ast.literal_eval(node.value)
    return sorted(defined & set(listed))


def tricks_stub(folder: Path = FOLDER) -> str:
    """Return the text of the stub; raise `ValueError` where two modules define one name."""
    modules: dict[str, list[str]] = defaultdict(list)
    lines = ["# Written by tests/trainers/trick_exports.py from the modules' __all__.\n\n"]
    paths = sorted(folder.glob("[!_]*.py"))
    files = {path.stem for path in paths}
    for path in paths:
        # A function with the name of a file would hide that module, which YAML names.
        names = [name for name in exported_names(path) if name not in files]
        for name in names:
            modules[name].append(path.stem)
        lines += [_line(path.stem, name) for name in names]
    clashes = {name: found for name, found in modules.items() if len(found) > 1}
    if clashes:
        raise ValueError(
            "two tricks share a name: "
            + "; ".join(f"{name} of {' and '.join(found)}" for name, found in clashes.items())
        )
    return "".join(lines)


def _line(module: str, name: str) -> str:
    line = f"from darkmagic.trainers.tricks.{module} import {name} as {name}\n"
    if len(line) > WIDTH:
        line = line.replace(f"{name} as {name}", f"(\n    {name} as {name},\n)")
    return line


if __name__ == "__main__":
    STUB.write_text(tricks_stub())
