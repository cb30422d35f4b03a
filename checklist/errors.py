"""The exception for errors that the user can fix, with a message that says how."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["UserError", "nearest"]


class UserError(Exception):
    """Bad input. The message is one line: what, where, and the nearest valid choice.

    >>> try:
    ...     raise UserError("no trick mixpu; " + nearest("mixpu", ["mixup", "cutmix"]))
    ... except UserError as error:
    ...     print(error)
    no trick mixpu; did you mean mixup or cutmix?
    """

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the line, as the command line does."""
        return [f"{type(self).__name__}: {self}"]


def nearest(word: str, choices: Iterable[str], *, most: int = 3) -> str:
    """Return a phrase naming the valid `choices` nearest to `word`.

    Falls back to listing (at most eight of) the choices when none is near.
    """
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=most, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    if not known:
        return "there are none to choose from"
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"choose from: {shown}"
