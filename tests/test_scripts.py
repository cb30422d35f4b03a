"""Shell scripts: ShellCheck finds nothing, and what runs on macOS keeps to its bash."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent


def _scripts() -> list[str]:
    """Return each tracked file that is a script of a shell's, by its ending or its first line."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found = []
    for name in filter(None, listed):
        path = REPO / name
        if path.is_file() and path.suffix in ("", ".sh"):
            first = path.read_bytes().partition(b"\n")[0]
            if path.suffix == ".sh" or re.match(rb"#!.*\b(?:ba|da)?sh\b", first):
                found.append(name)
    return found


def test_shellcheck_finds_nothing() -> None:
    """In any script, with those that it reads."""
    scripts = _scripts()
    assert {".ci/run", ".ci/package", ".github/actions/checklist/run.sh"} <= {*scripts}
    check = ["shellcheck", "--external-sources", "--shell=bash", "--format=gcc", *scripts]
    done = subprocess.run(check, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


NEWER = {
    "a builtin of bash 4": r"\b(?:mapfile|readarray|coproc)\b",
    "a map": r"\b(?:declare|local|typeset) -\w*A",
    "case of a value": r"\$\{\w+(?:\^|,)",
    "a pipe of both outputs": r"\|&|&>>",
    "a negative index": r"\[-\d+\]\}",
    "a list that may be empty, under set -u": r'(?<!\+)"\$\{(?:asked|expected)\[@\]\}"',
}
"""What bash 3.2 has not, or ends with an error of."""


def _newer(text: str) -> list[str]:
    code = re.sub(r"(^| )#.*$", "", text, flags=re.MULTILINE)
    return [what for what, pattern in NEWER.items() if re.search(pattern, code)]


def test_action_keeps_to_the_bash_of_macos() -> None:
    """The action's script has nothing that bash 3.2 lacks, which a runner of macOS starts it by."""
    assert _newer((REPO / ".github/actions/checklist/run.sh").read_text()) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('mapfile -t asked <<<"$lines"', "a builtin of bash 4"),
        ("declare -A known", "a map"),
        ('echo "${name,,}"', "case of a value"),
        ("run |& tee log", "a pipe of both outputs"),
        ('echo "${words[-1]}"', "a negative index"),
        ('run "${asked[@]}"', "a list that may be empty, under set -u"),
    ],
)
def test_what_newer_shells_have_is_recognised(line: str, what: str) -> None:
    """Each pattern finds what it is for."""
    assert _newer(line) == [what]
    assert _newer(f"# {line}") == []
