"""What is missing of a command before it is run: its program, interpreter or script."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from darkmagic.trainers.command.spec import PYTHONS, Command

__all__ = ["missing_program"]

BINARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How the programs of Linux and macOS begin."""


def missing_program(command: Command) -> str | None:
    """Return what is missing of the command, the program or its script; None if it is there.

    >>> missing_program(Command(("no-such-program",), metric="loss"))
    "no program 'no-such-program' on PATH"
    """
    words = command.filled({})
    program = command.program()
    if program is None:
        return _unusable(words[0])
    problem = _cannot_start(words[0], Path(program))
    if problem or not PYTHONS.fullmatch(Path(words[0]).name) or len(words) < 2:
        return problem
    script = Path(words[1])
    if script.is_dir() and not (script / "__main__.py").exists():
        return f"{script} is a folder, not a script{_scripts_in(script)}"
    if script.suffix != ".py" or script.exists():
        return None
    folder = script.parent
    beside = sorted(each.name for each in folder.glob("*.py")) if folder.is_dir() else []
    close = difflib.get_close_matches(script.name, beside, n=1, cutoff=0.5)
    hint = f"; did you mean {folder / close[0]}?" if close else f" in {Path.cwd()}"
    return f"no script {script}{hint}"


def _unusable(word: str) -> str:
    """Return why `word` names no program."""
    path = Path(word)
    if os.sep not in word:
        return f"no program {word!r} on PATH"
    if path.is_dir():
        return f"{word} is a folder, not a program{_scripts_in(path)}"
    if path.exists():
        return f"{word} may not be run; chmod +x it, or write its interpreter before it"
    return f"no program {word}"


def _cannot_start(word: str, program: Path) -> str | None:
    """Return why a file that may be run cannot be, as its first line says; None if it can."""
    try:
        with program.open("rb") as file:
            first = file.readline(1000)
    except OSError:  # it may be run and not read: the system says what is wrong with it
        return None
    if first.startswith(BINARY):
        return None
    if not first.startswith(b"#!"):
        return f"{word} says no interpreter in its first line (#!...); write it: python {word}"
    named = first[2:].split()
    if named and not Path(os.fsdecode(named[0])).exists():
        return f"{word} is for the interpreter {os.fsdecode(named[0])}, which is not there"
    return None


def _scripts_in(folder: Path) -> str:
    names = sorted(each.name for each in folder.glob("*.py"))
    return f"; in it: {', '.join(names[:5])}" if names else ""
