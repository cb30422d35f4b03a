"""How this command was started, so that the commands that it prints work where they are pasted.

Reports and the library say `darkmagic ...`, wherever they will be read. A terminal is where the
user is: without an active environment there is no such command, but a `uv run darkmagic` or a
`python -m darkmagic`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from darkmagic.text import shell_line

__all__ = ["COMMANDS", "longer_forms", "own_command", "pasteable"]

COMMANDS = (
    *("checklist", "compare", "ensemble", "help", "init", "judge", "optimize", "preflight"),
    *("refine", "report", "train", "tricks", "tune", "ui", "worker"),
)
"""Words behind `darkmagic` that make it a command: elsewhere it is the project's name."""
PRINTED = re.compile(
    rf"(?<![\w./-])(darkmagic(?= (?:{'|'.join(COMMANDS)}|--debug)\b)|mlflow(?= (?:ui|server)\b))"
)


def pasteable(text: str) -> str:
    """Return `text` with each command of this environment in the form that works here.

    >>> pasteable("To go on: darkmagic report")  # of a process that is no command
    'To go on: darkmagic report'
    """
    for start, end, form in reversed(longer_forms(text)):
        text = text[:start] + form + text[end:]
    return text


def longer_forms(text: str) -> list[tuple[int, int, str]]:
    """Return where `text` has the name of a program of this environment, and its form here.

    What has that form already, as it has passed here before, is left out.
    """
    found = []
    for match in PRINTED.finditer(text):
        form = own_command(match[0])
        if form != match[0] and not text[: match.end()].endswith(form):
            found.append((*match.span(), form))
    return found


def own_command(program: str = "darkmagic") -> str:
    """Return the words that start `program` as this process was started; `program` if unknown.

    Those are kept that the user typed before `darkmagic`, as in `uv run --extra timm darkmagic`.
    """
    script, module = Path(sys.argv[0]), _module()
    if module is None and script.stem != "darkmagic":
        return program  # a notebook, a user's script
    typed = _before(_parents_words(), sys.argv[1:])
    if typed is not None:
        return shell_line([*typed, program])
    if _is_own(shutil.which("darkmagic"), script):
        return program
    if module is not None:
        return shell_line([sys.orig_argv[0], "-m", program])
    return shell_line([str(script.with_name(program))])  # as it was typed: .venv/bin/darkmagic


def _module() -> str | None:
    """Return the module of `python -m`, if this process is one of ours."""
    package = getattr(sys.modules["__main__"], "__package__", None) or ""
    return package if package.split(".")[0] == "darkmagic" else None


def _is_own(found: str | None, script: Path) -> bool:
    """Return whether the `darkmagic` that a shell finds is that of this environment."""
    if found is None:
        return False
    known = (script, Path(sys.executable).with_name(Path(found).name))
    return any(path.exists() and path.samefile(found) for path in known)


def _parents_words() -> list[str]:
    """Return the words that the process was started with that started this one; empty if unknown.

    Of the wrappers in use only uv stays the parent, and it alone takes the folder of its command
    off PATH again.
    """
    try:
        words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:  # another system than Linux
        return ["uv", "run", *sys.orig_argv] if "UV_RUN_RECURSION_DEPTH" in os.environ else []
    return [os.fsdecode(word) for word in words]


def _before(words: list[str], arguments: list[str]) -> list[str] | None:
    """Return what stands in a line of uv's before its program, of which `arguments` end it.

    >>> _before(["/bin/uv", "run", "darkmagic", "report", "-n", "mine"], ["report", "-n", "mine"])
    ['uv', 'run']
    >>> _before(["uv", "run", "python", "-m", "darkmagic", "report"], ["report"])
    ['uv', 'run', 'python', '-m']
    >>> _before(["bash", "sweep.sh"], ["report"]) is None
    True
    """
    if not words or Path(words[0]).stem not in ("uv", "uvx"):
        return None
    head = words[: len(words) - len(arguments)]
    name = Path(words[0]).stem
    first = name if shutil.which(name) else words[0]
    if head + arguments != words or len(head) < 2:
        return [first, "run"] if name == "uv" else None
    return [first, *head[1:-1]]
