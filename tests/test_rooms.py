"""Rooms: a folder holds few files, says what it is for, and is installed."""

from __future__ import annotations

import ast
import doctest
import re
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
PARTS = ("checklist", "trainers", "sweeps", "cli")
ROOMS = sorted({path.parent for part in PARTS for path in (REPO / part).rglob("__init__.py")})
MAX_FILES, MAX_LINES = 10, 270
LARGER = {
    "trainers/tricks": "one file a trick",
    "trainers/preflight": "one file a check",
    "trainers/augment": "one file an augmentation",
    "trainers/models": "one file an edit of a network",
    "trainers/data": "one file a kind of data set",
}
"""Rooms of more files, each of which is one of many of its kind."""
NO_DOOR = {
    "cli/package": "the root package, which is imported for its version",
    "sweeps/conf": "YAML",
    "sweeps/hydra_plugins/darkmagic": "Hydra's scan imports it",
}
"""Folders that no module of ours enters by name."""


def _name(room: Path) -> str:
    return room.relative_to(REPO).as_posix()


def test_every_folder_with_modules_is_a_room() -> None:
    """Each folder with Python files has an `__init__.py`, but the one that Hydra must not find."""
    folders = {path.parent for part in PARTS for path in (REPO / part).rglob("*.py")}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS, ids=_name)
def test_room_has_few_files(room: Path) -> None:
    """A room has at most ten files, unless it is a collection of one kind."""
    count = len([path for path in room.glob("*.py") if not path.name.startswith("__")])
    assert (count > MAX_FILES) == (_name(room) in LARGER), f"{_name(room)}: {count} files"


@pytest.mark.parametrize("room", [r for r in ROOMS if _name(r) not in NO_DOOR], ids=_name)
def test_room_says_what_enters_what_leaves_and_who_imports_it(room: Path) -> None:
    """The docstring of a room's `__init__.py` has its three sentences, on one screen."""
    card = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    for word in (r"\benters?\b", r"\bleaves?\b", r"\bimports?\b"):
        assert re.search(word, card), f"{_name(room)}/__init__.py says nothing of {word}"
    assert len(card.splitlines()) <= 8


def test_packages_of_the_distribution_are_the_rooms() -> None:
    """`pyproject.toml` installs every room, and nothing that is gone."""
    setuptools = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = setuptools["package-dir"]
    installed = set()
    for package in setuptools["packages"]:
        root = max((name for name in folders if f"{package}.".startswith(f"{name}.")), key=len)
        rest = package.removeprefix(root).strip(".").replace(".", "/")
        installed.add((REPO / folders[root] / rest).relative_to(REPO).as_posix())
    assert installed == {_name(room) for room in ROOMS}


@pytest.mark.parametrize("part", PARTS)
def test_files_are_short(part: str) -> None:
    """A file holds one idea, in at most 270 lines without the examples in its docstrings."""
    for path in (REPO / part).rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) - _example_lines(text) <= MAX_LINES, path


def _example_lines(text: str) -> int:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    parser = doctest.DocTestParser()
    examples = [e for node in nodes for e in parser.get_examples(ast.get_docstring(node) or "")]
    return sum(e.source.count("\n") + e.want.count("\n") for e in examples)
