"""The identity of a trial: same identity, same result, so it is never trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from darkmagic.sweeps.trial.former_names import former_node
from darkmagic.sweeps.trial.settings import irrelevant_keys

__all__ = ["ADDED", "FORMER", "IRRELEVANT", "identity", "recipe_identity", "resolve"]

IRRELEVANT = irrelevant_keys()
"""Nodes that set where, how often or beside what a trial runs, and cannot change its result."""

FORMER = {
    "clip_grad_norm": None,  # now trick/gradient_clipping
    "ema_decay": None,  # now trick/ema
}
"""Former keys of a configuration, at the values that had no effect.

They stay in what is hashed, so that trials trained when the keys were there are found again.
"""

ADDED = {"folds": None, "gradient_accumulation": 1}
"""Keys that there were not before, at the values that have no effect: they are left out."""


def resolve(config: DictConfig) -> dict[str, Any]:
    """Return the configuration of one trial as plain values, Hydra's own node left out."""
    return {str(key): _plain(config[key]) for key in config if key != "hydra"}


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def recipe_identity(baseline: dict[str, Any], combination: Mapping[str, str]) -> str:
    """Return what tells one sweep of an experiment from another: its baseline without a seed,
    and the options that are confirmed together, if any.
    """
    return identity({**baseline, "seed": None, "combination": dict(combination) or None})


def identity(resolved: dict[str, Any]) -> str:
    """Return 16 hex digits that depend on what can change the result of a trial.

    `resolved` is a resolved configuration; the order of its keys does not matter.
    """
    relevant = {
        key: value
        for key, value in resolved.items()
        if key not in IRRELEVANT and (key not in ADDED or value != ADDED[key])
    }
    if "tricks" in relevant:
        relevant["tricks"] = {n: former_node(node) for n, node in relevant["tricks"].items()}
    if isinstance(relevant.get("model"), Mapping) and relevant["model"].get("output") is None:
        # A key that there was not before, at the value that has no effect.
        relevant["model"] = {k: v for k, v in relevant["model"].items() if k != "output"}
    content = json.dumps({**FORMER, **relevant}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
