"""Lists of a command's words as people type them, which Hydra's grammar does not read."""

from __future__ import annotations

import re
import shlex

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.parse_overrides import parse_override, quote

__all__ = ["as_word_list"]

WORDS = re.compile(r"(\+{0,2}trainer\.(?:args|command|check|resume))=(.+)", re.DOTALL)
"""An override whose value is a list of words."""
OPENING = {"[": "]", "{": "}", "(": ")"}


def as_word_list(override: str) -> str:
    """Return `override` with its words quoted, where it is a list of a command's words.

    A word with an equals sign needs no quotes, and a line of words is taken apart as a shell does.
    What Hydra reads as a list by itself, and any other override, is returned as it is. Raises
    `UserError` for quotes that do not close.

    >>> as_word_list("trainer.args=[fit, model=a.yaml, 'x=[1,2]']")
    "trainer.args=['fit', 'model=a.yaml', 'x=[1,2]']"
    >>> as_word_list("trainer.args=--epochs 3"), as_word_list("epochs=[a=b]")
    ("trainer.args=['--epochs', '3']", 'epochs=[a=b]')
    """
    found = WORDS.fullmatch(override)
    if found is None or _is_read_by_hydra(override):
        return override
    key, value = found[1], found[2].strip()
    try:
        inside = value.startswith("[") and value.endswith("]")
        words = _elements(value[1:-1]) if inside else shlex.split(value)
    except ValueError as error:
        raise UserError(f"{key}: cannot read {value!r}: {str(error).lower()}") from None
    return f"{key}=[{', '.join(map(quote, words))}]"


def _is_read_by_hydra(override: str) -> bool:
    """Whether Hydra's grammar finds a list, nothing, or what other keys say."""
    try:
        value = parse_override(override).value()
    except UserError:
        return False
    return isinstance(value, list | None) or str(value).startswith("${")


def _elements(text: str) -> list[str]:
    """Return what stands between the commas of `text`, but not of those in quotes or brackets."""
    found, quote, closing = [""], "", ""
    escaped = False
    for letter in text:
        if quote:
            if letter == quote and not escaped:
                quote = ""
        elif letter in "'\"" and not found[-1].strip():
            quote = letter
        elif letter in OPENING:
            closing += OPENING[letter]
        elif closing and letter == closing[-1]:
            closing = closing[:-1]
        elif letter == "," and not closing:
            found.append("")
            continue
        escaped = letter == "\\" and not escaped
        found[-1] += letter
    if quote:
        raise ValueError("no closing quotation")
    words = [_unquoted(part.strip()) for part in found]
    return words[:-1] if not words[-1] and not found[-1] else words


def _unquoted(word: str) -> str:
    r"""Return a word without the quotes around it, as Hydra reads it.

    >>> _unquoted("'o\\'brien'")
    "o'brien"
    """
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1].replace(f"\\{word[0]}", word[0])
    return word
