"""The rules of the verdicts, from the configuration and from what a sweep has noted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.rows import Rules

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["rules_from", "rules_of"]


def rules_of(config: DictConfig) -> Rules:
    """Return the rules that `config` fixes, whose values are checked when it is composed."""
    floor = None if config.floor is None else float(config.floor)
    return Rules(min_effect=float(config.min_effect), floor=floor)


def rules_from(text: str | None) -> Rules:
    """Return the rules that a sweep noted as JSON; the defaults where it noted none."""
    return Rules(**json.loads(text)) if text else Rules()
