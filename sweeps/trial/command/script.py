"""Notices that a script was changed after trials were trained by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["SCRIPT", "changed_script", "script_digest"]

SCRIPT = "script"
"""The key of a result that has the digest of the script that gave it."""
SUFFIXES = (".py", ".sh", ".ipynb", ".jl", ".r", ".lua")
"""Of files among a command's words that are programs; a set of images is none."""


def script_digest(words: Sequence[str]) -> str:
    """Return a digest of the scripts that a command's words name; empty if they name none."""
    files = _scripts(words)
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def changed_script(
    words: Sequence[str], results: Iterable[Mapping[str, Any]], experiment: str
) -> str:
    """Return what to say if finished `results` are of another state of the script; else nothing.

    A trial's identity is that of its command. Whether a change of the script's text changes its
    figures only its author knows, so they are asked, and nothing is trained again by itself.
    """
    now = script_digest(words)
    before = [result[SCRIPT] for result in results if result.get(SCRIPT)]
    old = sum(each != now for each in before)
    if not now or not old:
        return ""
    names = ", ".join(str(file) for file in _scripts(words))
    noun = "run was made" if old == 1 else "runs were made"
    return (
        f"{names} has changed since {old} finished {noun}, which are kept and compared with new "
        f"ones; if the change alters figures, train all anew under another name: "
        f"-n {experiment}-2"
    )


def _scripts(words: Sequence[str]) -> list[Path]:
    paths = [Path(word) for word in words]
    return [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
