"""What a check found. Imports no torch: findings travel to processes without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Finding", "Level"]


class Level(StrEnum):
    """How bad it is.

    >>> list(Level)
    [<Level.OK: 'ok'>, <Level.WARNING: 'warning'>, <Level.STOP: 'stop'>]
    """

    OK = "ok"
    WARNING = "warning"  # training may well work; look at it
    STOP = "stop"  # training would be wasted


@dataclass(frozen=True)
class Finding:
    """One finding: the name of its `check`, what it found as `message`, and `advice`.

    `figures` are plain numbers, strings and lists, for plots and records. One to `tell` is shown
    before training even where it is ok: it says what was read as what.

    >>> Finding("labels", Level.OK, "labels agree with images").level is Level.STOP
    False
    """

    check: str
    level: Level
    message: str
    advice: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    tell: bool = False
