"""What a confirmation leaves in MLflow, from which an ablation knows what to take apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps.orchestrate.extend import SweepKey, find_parents
from darkmagic.sweeps.track.schema.tags import (
    CONFIRMED,
    CONFIRMED_NUMBERS,
    KIND,
    PARENT,
    SEED,
    SWEEP,
    has_trial_tags,
)
from darkmagic.sweeps.track.store import open_client, search_runs

__all__ = ["confirmed_tags", "find_confirmations", "read_confirmed", "seeds_under"]


def confirmed_tags(key: SweepKey, recipe: Mapping[str, TunedOption]) -> dict[str, str]:
    """Return the tags of a confirmation of the sweep `key` that `recipe`, by trick, came out of.

    Empty where the baseline is to be kept.
    """
    numbers = {trick: dict(part.numbers) for trick, part in recipe.items() if part.numbers}
    return {
        SWEEP: key.recipe,
        CONFIRMED: json.dumps({trick: part.option for trick, part in recipe.items()}),
        CONFIRMED_NUMBERS: json.dumps(numbers),
    }


def read_confirmed(tags: Mapping[str, str]) -> dict[str, TunedOption]:
    """Return the recipe in the tags of a confirmation, of former versions' too."""
    options: dict[str, str] = json.loads(tags[CONFIRMED])
    numbers: dict[str, dict[str, float]] = json.loads(tags.get(CONFIRMED_NUMBERS, "{}"))
    return {trick: TunedOption(option, numbers.get(trick, {})) for trick, option in options.items()}


def find_confirmations(key: SweepKey) -> list[Any]:
    """Return MLflow's parent runs of confirmations of the sweep, newest first. Writes nothing."""
    return find_parents(key, {KIND: "confirmation", SWEEP: key.recipe})


def seeds_under(key: SweepKey, parents: Sequence[Any]) -> list[int]:
    """Return the seeds of all trials under `parents`, runs of the experiment of `key`."""
    client = open_client(key.uri) if parents else None
    found = set()
    for parent in parents:
        tags = {KIND: "trial", PARENT: parent.info.run_id}
        runs = search_runs(client, parent.info.experiment_id, tags)
        found |= {int(run.data.tags[SEED]) for run in runs if has_trial_tags(run.data.tags)}
    return sorted(found)
