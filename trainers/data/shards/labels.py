"""What a shard says of a sample's labels: a number or a name, or a value of a JSON object."""

from __future__ import annotations

import json
from typing import Any

from darkmagic.text import printable

__all__ = ["KEYS", "read_label"]

KEYS = ("label", "labels", "cls", "class", "target", "category")
"""Names of the value in a JSON object that is taken as the label where none is named."""
MAX_SHOWN = 5

Label = str | list[str]


def read_label(content: bytes, extension: str, key: str | None) -> Label | None:
    r"""Return the label in `content`, a list where there may be several; None where it is empty.

    Raises `ValueError`, for whoever knows of which sample it is.

    >>> read_label(b"7\n", "cls", None), read_label(b'{"animal": "cat"}', "json", "animal")
    ('7', 'cat')
    """
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{extension} is no text: {content[:20]!r}") from None
    if not extension.endswith("json"):
        if "\n" in text:
            raise ValueError(f"{extension} has several lines: {printable(text)[:40]!r}")
        return text or None
    try:
        value = json.loads(text) if text else None
    except ValueError as error:
        raise ValueError(f"{extension} is no JSON: {error}") from None
    if isinstance(value, dict):
        value = _of_object(value, extension, key)
    elif key is not None and value is not None:
        raise ValueError(f"{extension} is no object with the key {key!r}: {printable(text)[:40]}")
    if isinstance(value, list):
        return [_plain(each, extension) for each in value]
    return None if value is None or value == "" else _plain(value, extension)


def _of_object(value: dict[str, Any], extension: str, key: str | None) -> Any:
    named = key if key is not None else next((name for name in KEYS if name in value), None)
    if named is None:
        names = ", ".join(map(printable, list(value)[:MAX_SHOWN])) or "nothing"
        raise ValueError(
            f"which key of {extension} is the label? set dataset.source.key; it has {names}"
        )
    return value.get(named)


def _plain(value: Any, extension: str) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | str):
        return str(value).strip()
    raise ValueError(
        f"the label of {extension} is {json.dumps(value)[:40]}: expected a number or a name, or "
        "a list of them"
    )
