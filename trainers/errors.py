"""The message of an error, shortened for a message of one line."""

from __future__ import annotations

__all__ = ["format_error", "short_message"]


def short_message(error: BaseException) -> str:
    """Return the first line of an error's message, its type's name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def format_error(error: BaseException) -> str:
    """Return the name of an error's type, and the first line of its message where it has one."""
    name, message = type(error).__name__, short_message(error)
    return name if message == name else f"{name}: {message}"
