"""Dependencies point one way only: what a module imports is on a floor below its own."""

from __future__ import annotations

import ast
import functools
import graphlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
FOLDERS = {
    "darkmagic": "cli/package",
    "darkmagic.cli": "cli",
    "darkmagic.sweeps": "sweeps",
    "darkmagic.trainers": "trainers",
    "darkmagic.checklist": "checklist",
    "hydra_plugins": "sweeps/hydra_plugins",
}
FLOORS: tuple[tuple[str, ...], ...] = (
    ("darkmagic.__main__", "darkmagic.cli.__main__"),
    ("darkmagic.cli.main",),
    ("darkmagic.cli.commands",),
    ("darkmagic.loops",),
    ("darkmagic.study",),
    ("darkmagic.cli.serve",),
    ("darkmagic.cli.views",),
    ("darkmagic.cli",),
    ("darkmagic.sweeps.api",),
    ("darkmagic.sweeps.commands",),
    ("hydra_plugins.darkmagic",),
    ("darkmagic.sweeps.tune",),
    ("darkmagic.sweeps.tune.storage",),
    ("darkmagic.sweeps.tune.suggest",),
    ("darkmagic.sweeps.tune.space", "darkmagic.sweeps.tune.objectives"),
    ("darkmagic.sweeps.orchestrate",),
    ("darkmagic.sweeps.sources",),
    ("darkmagic.sweeps.launch.check",),
    (
        "darkmagic.sweeps.launch.local.launcher",
        "darkmagic.sweeps.launch.ray",
        "darkmagic.sweeps.launch.slurm",
        "darkmagic.sweeps.track",
    ),
    ("darkmagic.sweeps.launch.jobs", "darkmagic.sweeps.launch.local.sharing"),
    ("darkmagic.sweeps.launch.local.pool", "darkmagic.sweeps.launch.local.stall"),
    ("darkmagic.sweeps.launch.devices",),
    ("darkmagic.sweeps.launch.local", "darkmagic.sweeps.launch.context"),
    ("darkmagic.sweeps.launch",),
    ("darkmagic.sweeps.compose",),
    ("darkmagic.sweeps.trial", "darkmagic.sweeps.starting"),
    ("darkmagic.sweeps",),
    ("darkmagic.tricks", "darkmagic.schedules"),
    (
        "darkmagic.trainers.train",
        "darkmagic.trainers.ensemble",
        "darkmagic.trainers.fingerprint",
        "darkmagic.trainers.preflight",
    ),
    ("darkmagic.trainers.step", "darkmagic.trainers.evaluate"),
    ("darkmagic.trainers.prepare",),
    ("darkmagic.trainers.hooks", "darkmagic.trainers.tricks"),
    (
        "darkmagic.trainers.models",
        "darkmagic.trainers.joining",
        "darkmagic.trainers.data.torchvision_sets",
    ),
    ("darkmagic.trainers",),
    ("darkmagic.trainers.data", "darkmagic.trainers.augment", "darkmagic.trainers.optimizers"),
    ("darkmagic.trainers.fields",),
    ("darkmagic.trainers.command",),
    (
        "darkmagic.trainers.declare",
        "darkmagic.trainers.errors",
        "darkmagic.trainers.metrics",
        "darkmagic.trainers.runtime",
        "darkmagic.trainers.outputs",
    ),
    ("darkmagic.checklist.judging",),
    ("darkmagic.checklist.report.write",),
    ("darkmagic.checklist.report.writers",),
    ("darkmagic.checklist.report.plots",),
    ("darkmagic.checklist.report.page",),
    ("darkmagic.checklist.report",),
    ("darkmagic.checklist.planning", "darkmagic.checklist.recipes"),
    ("darkmagic.checklist.compare",),
    ("darkmagic.checklist.runs",),
    ("darkmagic.checklist.tuning",),
    ("darkmagic.checklist.designs",),
    ("darkmagic.checklist.stats",),
    ("darkmagic.checklist",),
    ("darkmagic",),
)
"""From the top floor to the ground. A module is on the floor of the longest name that its own
begins with; rooms of one floor do not import one another.
"""
APART = (
    ("darkmagic.checklist", "darkmagic.trainers"),
    ("darkmagic.trainers", "darkmagic.checklist"),
    ("darkmagic.cli", "darkmagic.trainers"),
    ("darkmagic.sweeps.launch", "darkmagic.sweeps.track"),
    ("darkmagic.sweeps.track", "darkmagic.sweeps.launch"),
)
"""Rooms whose floors alone would allow the first to import the second."""
FOREIGN = {
    "darkmagic.checklist": {
        "torch",
        "torchvision",
        "hydra",
        "omegaconf",
        "mlflow",
        "typer",
        "rich",
    },
    "darkmagic.trainers": {"hydra", "omegaconf", "mlflow", "typer", "rich", "optuna"},
    "darkmagic.sweeps": {"typer", "rich"},
    "darkmagic.cli": {"torch", "torchvision", "omegaconf"},
}
"""Packages of others that a part does not import."""
TYPE_CIRCLE = {"darkmagic.trainers.recipe", "darkmagic.trainers.trick"}
"""The one pair of modules of which one imports the other for type checkers only."""

Sources = Mapping[str, str]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Return the text of every module of the project, by its name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in (REPO / folder).rglob("*.py"):
            parts = path.relative_to(REPO / folder).with_suffix("").parts
            if parts[0] not in {"hydra_plugins", "package"}:  # mapped by a name of their own
                found[".".join((package, *parts))] = path.read_text()
    return found


@functools.cache
def _imports(text: str) -> frozenset[tuple[str, bool]]:
    """Return what a module imports, each with whether type checkers alone do.

    A name that is imported from a package is given as `package.name`: it may be a module.
    """

    def walk(node: ast.AST, typing_only: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import: {ast.unparse(node)}"
            yield from ((f"{node.module}.{alias.name}", typing_only) for alias in node.names)
        guarded = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            yield from walk(child, typing_only or guarded)

    return frozenset(walk(ast.parse(text), typing_only=False))


def _modules(name: str, sources: Sources) -> Iterator[str]:
    """Yield the module of ours that the import of `name` is about, if it is one of ours."""
    for candidate in (name, f"{name}.__init__", name.rpartition(".")[0]):
        if candidate in sources:
            yield candidate
            return
    package = f"{name.rpartition('.')[0]}.__init__"
    if package in sources:
        yield package


def _graph(sources: Sources) -> dict[str, set[str]]:
    return {
        module: {
            found
            for name, typing_only in _imports(text)
            for found in _modules(name, sources)
            if found != module and not (typing_only and {module, found} == TYPE_CIRCLE)
        }
        for module, text in sources.items()
    }


def _within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


@functools.cache
def _room(module: str) -> tuple[int, str]:
    """Return the floor of a module, counted from the top, and its room there."""
    rooms = [(floor, room) for floor, names in enumerate(FLOORS) for room in names]
    return max((r for r in rooms if _within(module, r[1])), key=lambda r: len(r[1]))


def _problems(sources: Sources) -> list[str]:
    """Return a line for each import that goes up, sideways, in a circle or out of bounds."""
    problems = []
    graph = _graph(sources)
    for module, imported in graph.items():
        floor, room = _room(module)
        for other in imported:
            other_floor, other_room = _room(other)
            apart = any(_within(module, one) and _within(other, two) for one, two in APART)
            if other.endswith(".__init__") and other != "darkmagic.__init__":
                problems.append(f"{module} imports from {other}, whose names are for others")
            if apart or other_floor < floor or (other_floor == floor and other_room != room):
                problems.append(f"{module} imports {other}, which is not below it")
        packages = {name.partition(".")[0] for name, _ in _imports(sources[module])}
        for part, refused in FOREIGN.items():
            if _within(module, part) and packages & refused:
                problems.append(f"{module} imports {', '.join(sorted(packages & refused))}")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        problems.append("in a circle: " + " <- ".join(error.args[1]))
    return problems


def test_imports_point_down_and_never_in_a_circle(sources: dict[str, str]) -> None:
    """No module imports one from a higher floor, from a neighbour or in a circle."""
    assert _problems(sources) == []


def test_every_floor_and_room_has_modules(sources: dict[str, str]) -> None:
    """The list of floors names no room that is gone."""
    rooms = {room for names in FLOORS for room in names}
    assert rooms == {_room(module)[1] for module in sources}


def _first_module(sources: Sources, room: str) -> str:
    return min(module for module in sources if _room(module)[1] == room)


@pytest.mark.parametrize(("upper", "lower"), list(pairwise(FLOORS)), ids=lambda names: names[0])
def test_import_up_a_floor_is_found(
    sources: dict[str, str], upper: tuple[str, ...], lower: tuple[str, ...]
) -> None:
    """An import planted in a module of each room, of the floor above it, is a problem."""
    above = _first_module(sources, upper[0])
    for room in lower:
        module = _first_module(sources, room)
        planted = {**sources, module: f"{sources[module]}\nimport {above}\n"}
        assert f"{module} imports {above}, which is not below it" in _problems(planted)


@pytest.mark.parametrize(("module", "other"), APART)
def test_import_of_a_room_apart_is_found(sources: dict[str, str], module: str, other: str) -> None:
    """An import between rooms that are to be apart is a problem, inside a function too."""
    importer = min(name for name in sources if _within(name, module))
    imported = min(name for name in sources if _within(name, other))
    text = f"{sources[importer]}\ndef late() -> None:\n    import {imported}\n"
    problem = f"{importer} imports {imported}, which is not below it"
    assert problem in _problems({**sources, importer: text})


def test_foreign_packages_circles_and_public_names_are_found(sources: dict[str, str]) -> None:
    """A refused package is a problem, and so is a circle in a room, or the use of public names."""
    module = "darkmagic.checklist.stats.linear"
    planted = {**sources, module: f"{sources[module]}\nfrom torch import Tensor\n"}
    assert f"{module} imports torch" in _problems(planted)
    effects = "darkmagic.checklist.stats.effects"
    assert module in _graph(sources)[effects]
    planted = {**sources, module: f"{sources[module]}\nimport {effects}\n"}
    assert any("in a circle" in problem for problem in _problems(planted))
    planted = {**sources, effects: "from darkmagic.checklist import Checklist\n"}
    assert any("whose names are for others" in problem for problem in _problems(planted))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("darkmagic.cli.main", {"torch", "hydra", "mlflow", "scipy", "numpy"}),
        ("darkmagic.sweeps.api", {"torch", "mlflow", "scipy"}),
        (
            "darkmagic.sweeps.orchestrate.report",
            {"torch", "hydra", "mlflow", "scipy", "matplotlib"},
        ),
        ("darkmagic.checklist.compare.comparison", {"torch", "hydra", "mlflow", "scipy", "numpy"}),
        ("darkmagic.trainers.train", {"hydra", "mlflow", "torchvision", "sklearn", "torchmetrics"}),
    ],
)
def test_heavy_packages_are_imported_where_they_are_used(module: str, absent: set[str]) -> None:
    """Importing a module does not import the large packages that only its functions need."""
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())
