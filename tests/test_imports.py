"""Dependencies point one way only."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
ALLOWED = {
    "checklist": {"checklist"},
    "trainers": {"trainers"},
    "sweeps": {"sweeps", "checklist", "trainers"},
    "cli": {"cli", "sweeps", "checklist"},
}
EXAMPLES = doctest.DocTestParser()
BENEATH_ALL = {"__version__", "lazy"}  # of `darkmagic` itself
FOREIGN = {
    "checklist": {"torch", "torchvision", "hydra", "omegaconf", "mlflow", "typer", "rich"},
    "trainers": {"hydra", "omegaconf", "mlflow", "typer", "rich", "optuna"},
    "sweeps": {"typer", "rich"},
    "cli": {"torch", "torchvision", "omegaconf"},
}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} has a relative import"
            names = [alias.name for alias in node.names] if node.module == "darkmagic" else [""]
            found |= {f"{node.module}.{name}".rstrip(".") for name in names}
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str) -> None:
    """Cli -> sweeps -> trainers, and checklist beneath; nothing flows back up."""
    for path in (REPO / package).rglob("*.py"):
        for module in _imports(path):
            parts = module.split(".")
            if parts[0] == "darkmagic":
                assert parts[1] in ALLOWED[package] | BENEATH_ALL, f"{path} imports {module}"
            assert parts[0] not in FOREIGN[package], f"{path} imports {module}"


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
        ("darkmagic.trainers.train", {"hydra", "mlflow", "torchvision", "sklearn"}),
    ],
)
def test_heavy_modules_wait(module: str, absent: set[str]) -> None:
    """What is imported where it is used is not imported before."""
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


def test_files_are_short() -> None:
    """A file is one idea in at most 270 lines, the examples in its docstrings not counted."""
    for package in ALLOWED:
        for path in (REPO / package).rglob("*.py"):
            text = path.read_text()
            documented = ast.Module | ast.ClassDef | ast.FunctionDef
            nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, documented)]
            docstrings = [ast.get_docstring(node) or "" for node in nodes]
            examples = [e for d in docstrings for e in EXAMPLES.get_examples(d)]
            shown = sum(e.source.count("\n") + e.want.count("\n") for e in examples)
            assert len(text.splitlines()) - shown <= 270, path
