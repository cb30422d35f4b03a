"""Finds, before anything is trained, the trials that would change nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["find_inert"]

INERT = ("inert", "same network, batches, loss, update and schedules as the baseline")


def find_inert(trials: Sequence[dict[str, Any]]) -> list[tuple[str, str] | None]:
    """Compare each of `trials` (resolved configurations) with the first, the baseline.

    Returns a status with its reason for those that need no training: `inert` if numbers,
    network, batches, loss, update and schedules are all the baseline's, `not_applicable` where
    the trick raises `NotApplicable`. None for all others, also for one that raises another
    error, which training will report.
    """
    found = [_inspect(trial) for trial in trials]
    return [
        INERT
        if index > 0 and isinstance(each, dict) and each == found[0]
        else None
        if isinstance(each, dict)
        else each
        for index, each in enumerate(found)
    ]


def _inspect(resolved: dict[str, Any]) -> dict[str, str] | tuple[str, str] | None:
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.fingerprint import fingerprint
    from darkmagic.trainers.trick import NotApplicable

    try:
        recipe = make_recipe(resolved)
        return fingerprint(recipe, _load(resolved, recipe))
    except NotApplicable as finding:
        return ("not_applicable", str(finding))
    except Exception:  # noqa: BLE001 (the trial itself reports it, with its log)
        return None


_loaded: dict[str, Any] = {}


def _load(resolved: dict[str, Any], recipe: Any) -> Any:
    """Load each data set once for all the trials that share it."""
    key = json.dumps([resolved["dataset"]["source"], resolved["split_seed"]], sort_keys=True)
    if key not in _loaded:
        _loaded[key] = recipe.dataset.load(recipe.split_seed)
    return _loaded[key]
