"""The development container: its file is read as editors read it, and its command works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parent.parent
CONTAINER: dict[str, Any] = json.loads((REPO / ".devcontainer" / "devcontainer.json").read_text())


def test_container_is_of_a_python_that_is_tested() -> None:
    """Its image names a version that the metadata names, and its interpreter is the project's."""
    version = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)", CONTAINER["image"])
    assert version is not None
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]
    settings = CONTAINER["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    known = {"name", "image", "onCreateCommand", "remoteEnv", "customizations"}
    assert CONTAINER.keys() <= known, "look up a new key in the specification of containers"


@pytest.mark.weekly
def test_command_of_the_container_makes_its_environment(tmp_path: Path) -> None:
    """In a fresh folder, by a user without an environment, who then runs the command."""
    folder, home = tmp_path / "checkout", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    copy = f"git ls-files -z | tar -c --null -T - | tar -x -C {folder}"
    subprocess.run(["bash", "-o", "pipefail", "-c", copy], cwd=REPO, check=True)
    (home / "bin").mkdir()
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    (home / "bin" / "pip").write_text(f'#!/bin/sh\nexec "{base}" -m pip "$@"\n')
    (home / "bin" / "pip").chmod(0o755)
    own = ("UV_PROJECT", "VIRTUAL_ENV", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    cache = subprocess.run(
        ["uv", "cache", "dir"], capture_output=True, text=True, check=True
    ).stdout
    env = {
        **kept,
        **CONTAINER["remoteEnv"],
        "PYTHONUSERBASE": str(home),
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_IGNORE_INSTALLED": "1",
        "UV_CACHE_DIR": cache.strip(),
        "PATH": f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
    }
    for command in (CONTAINER["onCreateCommand"], ".venv/bin/darkmagic --version"):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (home / "bin" / "uv").exists()
