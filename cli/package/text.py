"""Text that others wrote: names, paths and reasons, safe to show on a terminal and in a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

__all__ = ["columns", "padded", "printable", "shell_line", "shell_word", "shortened"]


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


def shell_word(word: str) -> str:
    """Return `word` as one word of a shell's command line, between double quotes where it has
    single ones of its own: `shlex.quote` makes five signs of each.

    >>> print(shell_word("dataset.source.root='my photos'"), shell_word("epochs=5"))
    "dataset.source.root='my photos'" epochs=5
    """
    if "'" in word and not set(word) & set('"$`\\!'):  # which a shell reads between double ones
        return f'"{word}"'
    return shlex.quote(word)


def shell_line(words: Iterable[str]) -> str:
    """Return `words` as a command line that can be pasted."""
    return " ".join(map(shell_word, words))


def columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes: Chinese takes two a character.

    >>> columns("mixup"), columns("\u5b66\u4e60"), columns("e\u0301")
    (5, 4, 1)
    """
    from rich.cells import cell_len  # reports are written without Rich, but for this

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Return `text` with spaces behind it up to `width` columns of a terminal."""
    return text + " " * (width - columns(text))


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` columns of a terminal, without its middle.

    Both ends of a name tell it from others.

    >>> shortened("augmentation=standard", 12), shortened("mixup=on", 12)
    ('augmen...ard', 'mixup=on')
    """
    if columns(text) <= width:
        return text
    head, tail = list(text), [""]
    room = width - len("...")
    while columns("".join(head)) > room - room // 3:
        head.pop()
    for c in reversed(text):
        if columns("".join([c, *tail])) > room // 3:
            break
        tail.insert(0, c)
    return "".join([*head, "...", *tail])
