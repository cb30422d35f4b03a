"""From keyword arguments to the words of the command line, of which a sweep is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.parse_overrides import literal

__all__ = ["as_words", "checklist_words", "only_word", "text"]

PLAIN = (str, int, float, bool, type(None))
RESERVED = ("true", "false", "null", "nan", "inf", "on", "off", "yes", "no", "y", "n")
"""Words that Hydra or YAML reads as something else."""
SECTION = "tricks"
"""Of rows that a script gives without one."""


def as_words(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield `key=value` for each of `settings`; a mapping's own keys follow a dot.

    Raises `UserError` for a value that no configuration can hold.

    >>> list(as_words({"epochs": 5, "runtime": {"device": "cpu"}}))
    ['epochs=5', 'runtime.device=cpu']
    """
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from as_words(value, f"{key}.")
        else:
            yield f"{key}={text(_plain(key, value))}"


def text(value: Any) -> str:
    """Return a plain `value` as a person would type it: without quotes where it needs none.

    >>> text(["adam", "on", 8])
    "[adam, 'on', 8]"
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(text, value)) + "]"
    simple = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w/-]*", value)
    return value if simple and value.lower() not in RESERVED else literal(value)


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(key, each) for each in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of numpy's, torch's
        return value.item()
    if not isinstance(value, PLAIN):
        raise UserError(
            f"{key} is {_article(type(value).__name__)}, which no configuration can hold; give a "
            "number, a text, or a list of those"
        )
    return value


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def only_word(only: str | Sequence[str]) -> str:
    """Return the word for the trials that more seeds are for."""
    return f"only={only}" if isinstance(only, str) else f"only=[{','.join(only)}]"


def checklist_words(name: str, tricks: Mapping[str, Sequence[Any]] | None) -> list[str]:
    """Return the words that choose checklist `name`, or make one of `tricks` and their options.

    Raises `UserError` for a trick without two options.
    """
    if tricks is None:
        return [f"checklist={name}"]
    if not isinstance(tricks, Mapping):
        raise UserError(
            f"tricks={tricks!r}: write {{'mixup': ['off', 'on']}}, by trick its options"
        )
    rows = []
    for trick, options in tricks.items():
        if not isinstance(options, list | tuple) or len(options) < 2:
            raise UserError(
                f"trick {trick!r} needs two options or more, the baseline's first, and got "
                f"{options!r}; write {{{trick!r}: ['off', 'on']}}"
            )
        rows.append({"name": trick, "section": SECTION, "options": list(map(_option, options))})
    return [f"checklist.name={text(name)}", f"checklist.tricks={text(rows)}"]


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
