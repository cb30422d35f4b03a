"""A trial without its pretraining: to measure, to check, or to predict with trained weights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["PRETRAINING", "without_pretraining", "without_upstream_training"]

PRETRAINING = ("pretrain", "transfer")
"""Tricks that are about pretrained weights: they have no part in the training of those."""


def without_pretraining(resolved: dict[str, Any]) -> dict[str, Any]:
    """Return the resolved configuration of the same trial from random weights."""
    return _without(resolved, PRETRAINING)


def without_upstream_training(resolved: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration without weights that the trial would first train itself.

    Published weights, and those of a file, stay.
    """
    upstream = resolved["tricks"].get("pretrain", {}).get("weights") == "upstream"
    return _without(resolved, ("pretrain",)) if upstream else resolved


def _without(resolved: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    tricks = {name: node for name, node in resolved["tricks"].items() if name not in names}
    return {**resolved, "tricks": tricks}
