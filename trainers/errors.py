"""What an error says, for a message of ours."""

from __future__ import annotations

__all__ = ["first_line"]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, its type's name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
