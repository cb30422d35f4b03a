"""What people install: the distribution's name, its metadata, and what every page says of it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from darkmagic.distribution import DISTRIBUTION, install_extra

REPO = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
INSTALLER = re.compile(
    r"\b(?:pip3?|uv|uvx|pipx|conda|poetry|pdm|rye)\b[^\n]*?"
    r"(?:\b(?:install|add|tool|run --with|--from)\b)?[^\n]*?"
    r"(?<![\w./-])darkmagic(?P<after>\[[\w,]*\]|[=~<>!]=[\w.]+)"
)
"""A command that names `darkmagic` with an extra or a version: the stranger's distribution."""
BARE = re.compile(
    r"\b(?:pip3? install|uv add|uv tool install|uv pip install|pipx install|pipx run|uvx)"
    r"(?: +-\S+(?: +\S+\.txt)?)* +['\"]?darkmagic(?![\w-])"
)


def _texts() -> list[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found = []
    for name in filter(None, listed):
        path = REPO / name
        if path.is_file() and path != Path(__file__):
            found.append((name, path.read_bytes().decode(errors="replace")))
    return found


def _strangers(text: str) -> list[str]:
    return [match[0] for pattern in (INSTALLER, BARE) for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install darkmagic", True),
        ("pip install darkmagic[timm]", True),
        ("pip install 'darkmagic[timm]'", True),
        ("python -m pip install -U darkmagic", True),
        ("pip install -c constraints.txt darkmagic", True),
        ('uv add "darkmagic==0.1.0"', True),
        ("uv tool install darkmagic", True),
        ("uvx darkmagic report", True),
        ("pipx run darkmagic", True),
        ("pip install darkmagic-checklist", False),
        ("pip install 'darkmagic-checklist[timm]'", False),
        ("uvx --from darkmagic-checklist darkmagic report", False),
        ("uv run darkmagic report", False),
        ("pip install uv && uv run darkmagic checklist run", False),
        ("docker build -t darkmagic .", False),
    ],
)
def test_stranger_of_our_name_is_recognised(line: str, wrong: bool) -> None:
    """The patterns find commands that install another project's `darkmagic`, and no others."""
    assert bool(_strangers(line)) is wrong


def test_no_page_or_message_installs_another_projects_distribution() -> None:
    """Whatever the repository says to install is called `darkmagic-checklist`."""
    texts = _texts()
    assert {"README.md", "pyproject.toml", "sweeps/conf/model/timm.yaml"} <= {n for n, _ in texts}
    wrong = {name: found for name, text in texts if (found := _strangers(text))}
    assert wrong == {}


def test_extras_that_messages_name_exist() -> None:
    """Each extra that the code tells a user to install is one of `pyproject.toml`'s."""
    assert PROJECT["name"] == DISTRIBUTION
    named = {
        extra
        for name, text in _texts()
        for pattern in (r"install_extra\(['\"](\w+)['\"]\)", rf"{DISTRIBUTION}\[(\w+)\]")
        for extra in re.findall(pattern, text)
        if not name.startswith("tests/")
    }
    assert {"timm", "data"} <= named <= set(PROJECT["optional-dependencies"])
    assert install_extra("timm") == "pip install 'darkmagic-checklist[timm]'"
