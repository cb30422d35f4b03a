"""Text that others wrote: names, paths and reasons, safe to show on a terminal and in a file."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: object, keep: str = "") -> str:
    r"""Return `text` with escapes for what a terminal would obey or a file could not hold.

    Those are control characters, marks that turn the direction of writing, and halves of
    characters, as in names of files that are not UTF-8. `keep` are left as they are.

    >>> printable("caf\udce9\x1b[2J")
    'caf\\udce9\\x1b[2J'
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in shown
    )
