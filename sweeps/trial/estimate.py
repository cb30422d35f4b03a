"""How long trials will take, from measured steps of each distinct architecture and batch."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["estimate_seconds"]

STEPS = 4


def estimate_seconds(trials: Sequence[dict[str, Any]]) -> list[float]:
    """Return about how many seconds each of `trials` (resolved configurations) trains.

    Trains `STEPS` steps of each distinct architecture, batch size and way of stepping;
    validation and upstream training are left out. Runs in a child, on the device of the trials.
    """
    measured: dict[str, float] = {}
    return [_seconds(trial, measured) for trial in trials]


def _seconds(resolved: dict[str, Any], seen: dict[str, float]) -> float:
    from darkmagic.sweeps.trial.run import PRETRAINING, make_recipe
    from darkmagic.trainers.hooks import Hooks, edit_recipe
    from darkmagic.trainers.prepare.network import make_network
    from darkmagic.trainers.train import train

    tricks = {n: node for n, node in resolved["tricks"].items() if n not in PRETRAINING}
    recipe = make_recipe({**resolved, "tricks": tricks})
    data = recipe.dataset.load(recipe.split_seed)
    edited = edit_recipe(recipe)
    hooks = Hooks(edited.tricks, edited.seed)
    network = make_network(edited, data, hooks)
    kind = f"{network} {edited.batch_size} {hooks.step_cost}"
    if kind not in seen:
        short = dataclasses.replace(recipe, max_steps=STEPS)
        with tempfile.TemporaryDirectory() as folder:
            train(short, Path(folder))  # warms up
        with tempfile.TemporaryDirectory() as folder:
            measured = train(short, Path(folder)).step_seconds
        assert measured is not None
        seen[kind] = measured
    full, rest = divmod(len(data.train), edited.batch_size)
    steps = edited.epochs * max(full, min(rest, 1))
    return seen[kind] * min(steps, edited.max_steps or steps)
