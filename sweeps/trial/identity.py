"""The identity of a trial: same identity, same result, so it is never trained twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkmagic.checklist.plan import Retune
from darkmagic.checklist.secrets import mask_nested
from darkmagic.sweeps.trial.command.node import TRAINER, effective, is_command, relevant_keys
from darkmagic.sweeps.trial.former_names import former_node
from darkmagic.sweeps.trial.settings import irrelevant_keys

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = [
    "ADDED",
    "BESIDE_FIELDS",
    "FORMER",
    "IRRELEVANT",
    "fields_of",
    "identity",
    "recipe_identity",
    "resolve",
    "retuning",
]

BESIDE_FIELDS = ("search", "retune")
"""Keys of an option's file that say how its trick may be tuned, and are no fields of the trick.

Our own loader leaves `retune` out already; Hydra's does not.
"""
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
    """Return the configuration of one trial as plain values, Hydra's own node left out.

    What says how tricks may be tuned is left out too, as a trial has none of it. Of a trainer that
    is a command there is left what this trial runs.
    """
    plain = {str(key): _plain(config[key]) for key in config if key != "hydra"}
    if isinstance(plain.get("tricks"), Mapping):
        plain["tricks"] = {name: fields_of(node) for name, node in plain["tricks"].items()}
    if is_command(plain):
        return {**plain, TRAINER: effective(plain[TRAINER])}
    return plain


def fields_of(node: Any) -> Any:
    """Return the configuration of a trick without what is no field of it.

    >>> fields_of({"alpha": 0.2, "search": {"alpha": {"low": 0.1, "high": 1.0}}})
    {'alpha': 0.2}
    """
    if not isinstance(node, Mapping):
        return node
    return {name: value for name, value in node.items() if name not in BESIDE_FIELDS}


def _plain(value: Any) -> Any:
    from omegaconf import OmegaConf  # a report, which has names from this room, needs none

    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def recipe_identity(
    baseline: dict[str, Any], combination: Mapping[str, str], retuned: str = ""
) -> str:
    """Return what tells one sweep of an experiment from another: its baseline without a seed,
    the options that are confirmed together, if any, and how rates were picked, if they were.
    """
    picked = {"retuned": retuned} if retuned else {}
    asked = {"seed": None, "combination": dict(combination) or None}
    return identity({**baseline, **asked, **picked})


def retuning(config: Mapping[str, Any]) -> str:
    """Return how `config` picks rates, in a word; empty if it does not.

    >>> retuning({"retune": "ladder", "retune_tries": 6, "retune_seeds": 1})
    'ladder-1'
    """
    how = config.get("retune", Retune.NONE)  # a command's configuration has none
    if how == Retune.NONE:
        return ""
    tries, seeds = config["retune_tries"], config["retune_seeds"]
    return f"{how}-{seeds}" if how == Retune.LADDER else f"{how}-{tries}-{seeds}"


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
    if "dataset" in relevant:
        dataset = _without_cache(relevant["dataset"], resolved.get("runtime"))
        relevant["dataset"] = _without_added(dataset)
    if is_command(relevant):
        relevant[TRAINER] = relevant_keys(relevant[TRAINER])
    # Masked as `config.yaml` is, from which it is to follow too.
    known = mask_nested({**FORMER, **relevant})
    content = json.dumps(known, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _without_added(dataset: Any) -> Any:
    """Return `dataset` without keys of its source that there were not before, where of no effect.

    >>> _without_added({"name": "table", "source": {"file": "labels.csv", "group": None}})
    {'name': 'table', 'source': {'file': 'labels.csv'}}
    """
    if not isinstance(dataset, Mapping) or not isinstance(dataset.get("source"), Mapping):
        return dataset
    source = {k: v for k, v in dataset["source"].items() if k != "group" or v is not None}
    return {**dataset, "source": source}


def _without_cache(dataset: Any, runtime: Any) -> Any:
    """Return `dataset` as it is where no cache is named: what is kept there changes no image."""
    source = dataset.get("source") if isinstance(dataset, Mapping) else None
    cache = runtime.get("cache") if isinstance(runtime, Mapping) else None
    if cache is None or not isinstance(source, Mapping) or source.get("cache") != cache:
        return dataset
    return {**dataset, "source": {**source, "cache": None}}
