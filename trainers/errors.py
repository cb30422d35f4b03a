"""What an error says, for a message of ours."""

from __future__ import annotations

__all__ = ["first_line", "named"]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, its type's name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def named(error: BaseException) -> str:
    """Return the name of an error's type, and the first line of its message where it has one."""
    name, said = type(error).__name__, first_line(error)
    return name if said == name else f"{name}: {said}"
