"""Rules of the verdicts, from the configuration and from the tag of a sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import Metric

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["parse_rules", "read_rules"]


def read_rules(config: DictConfig) -> Rules:
    """Return the rules that `config` fixes, whose values are checked when it is composed."""
    floor = None if config.floor is None else float(config.floor)
    return Rules(min_effect=float(config.min_effect), floor=floor)


def parse_rules(text: str | None, *, race: bool = False) -> Rules:
    """Return the rules in a sweep's tag, JSON; the defaults if it has none."""
    fields = {**json.loads(text or "{}"), "race": race}
    if "metric" in fields:
        fields["metric"] = Metric.from_dict(fields["metric"])
    return Rules(**fields)
