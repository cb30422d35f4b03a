"""The checks for a GPU keep up with the project: what they name is there, without a GPU."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

KIT = Path(__file__).parent
REPO = KIT.parents[1]
SCRIPTS = sorted(KIT.rglob("*.py"))
SHELL = sorted(KIT.rglob("*.sh"))
PAGES = sorted(KIT.rglob("*.md"))


def _name(path: Path) -> str:
    return path.relative_to(KIT).as_posix()


@pytest.mark.parametrize("script", SCRIPTS, ids=_name)
def test_script_imports_names_that_exist(script: Path) -> None:
    """Each name that a script imports from the project is in the module that it names."""
    tree = ast.parse(script.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if node.module is not None and node.module.startswith("darkmagic"):
            module = importlib.import_module(node.module)
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert not missing, f"{node.module} has no {missing}"


@pytest.mark.parametrize("script", SHELL, ids=_name)
def test_shell_script_parses(script: Path) -> None:
    """Bash finds no error in a script's syntax."""
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("file", [*SHELL, *PAGES], ids=_name)
def test_paths_that_a_file_names_exist(file: Path) -> None:
    """Each path under tests or cli that a script or a page names is in the repository."""
    found = re.findall(r"(?<![\w.])(?:tests|cli)/[\w./]*\w", file.read_text())
    missing = [path for path in found if not (REPO / path).exists()]
    assert found
    assert not missing


def test_pages_name_every_script() -> None:
    """The README of a folder of the kit names each script in it."""
    for page in PAGES:
        for script in page.parent.glob("*.py"):
            helper = script.name in {"test_kit.py", "findings.py"}
            assert helper or script.name in page.read_text(), script


def test_linked_folders_are_those_of_the_package() -> None:
    """What `env.sh` links is what pyproject.toml maps to the package."""
    text = (REPO / "pyproject.toml").read_text()
    mapped = re.findall(r'^"darkmagic\.(\w+)" = "\1"$', text, re.MULTILINE)
    linked = re.search(r"for part in ([\w ]+); do", (KIT / "env.sh").read_text())
    assert linked is not None
    assert sorted(linked[1].split()) == sorted(mapped)


def test_environment_has_all_of_the_package(tmp_path: Path) -> None:
    """What `env.sh` links is the whole package: each of its modules imports from there."""
    package = REPO / "cli" / "package"
    modules = {path.parent for path in package.rglob("*.py") if path.parent != package}
    names = sorted(".".join(("darkmagic", *path.relative_to(package).parts)) for path in modules)
    code = "import importlib, sys, darkmagic; [importlib.import_module(n) for n in sys.argv[1:]]"
    code += f"; assert all(p.startswith({str(tmp_path)!r}) for p in darkmagic.__path__)"
    bare = 'cd "$1" && . tests/gpu/env.sh && shift && exec "$PYTHON" -c "$@"'
    env = {
        **os.environ,
        "DARKMAGIC_SITE": str(tmp_path),
        "OUT": str(tmp_path),
        "PYTHON": sys.executable,
    }
    root = tmp_path / "root"  # without .whl/, which is for machines that have no index
    root.mkdir()
    for part in ("checklist", "trainers", "sweeps", "cli", "tests"):
        (root / part).symlink_to(REPO / part)
    subprocess.run(["bash", "-c", bare, "bash", str(root), code, *names], env=env, check=True)


def test_environment_without_an_install_knows_the_version(tmp_path: Path) -> None:
    """A checkout's folders that are linked are a package with a version, which reports name."""
    (tmp_path / "installed").touch()
    ask = "import importlib.metadata as m; print(m.version('darkmagic-checklist'))"
    script = f'. tests/gpu/env.sh && cd / && "{sys.executable}" -S -c "{ask}"'
    environment = {
        "PATH": os.environ["PATH"],
        "DARKMAGIC_SITE": str(tmp_path),
        "OUT": str(tmp_path),
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'version = "{done.stdout.strip()}"' in (REPO / "pyproject.toml").read_text()
