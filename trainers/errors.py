"""An error's message in one line, and the error that ends a process's training."""

from __future__ import annotations

__all__ = ["CaptureFailed", "format_error", "printable", "short_message"]


class CaptureFailed(RuntimeError):  # noqa: N818 (what happened, by its name)
    """A step's capture as a CUDA graph failed half-way: this process can train no more.

    Its random generators and its allocator still capture. `cuda_graphs="off"` trains, in a new one.
    """


def short_message(error: BaseException) -> str:
    """Return the first line of an error's message, its type's name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def format_error(error: BaseException) -> str:
    """Return the name of an error's type, and the first line of its message where it has one."""
    name, message = type(error).__name__, short_message(error)
    return name if message == name else f"{name}: {message}"


def printable(text: object) -> str:
    r"""Return `text` with what a terminal or UTF-8 cannot take as escapes: file names have it.

    >>> printable("caf\udce9\x1b[2J.png")
    'caf\\udce9\\x1b[2J.png'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
