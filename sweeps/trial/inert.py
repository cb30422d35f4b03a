"""Finds, before anything is trained, the trials that would change nothing or cannot be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["find_apart", "find_inert", "survey_options"]

Finding = tuple[str, str] | None
"""A status and its reason, of a trial that needs no training."""
INERT = ("inert", "same network, batches, loss, update and schedules as the baseline")


def find_inert(trials: Sequence[dict[str, Any]]) -> list[Finding]:
    """Compare each of `trials` (resolved configurations) with the first, the baseline.

    Returns a status with its reason for those that need no training: `inert` if numbers,
    network, batches, loss, update and schedules are all the baseline's, `not_applicable` where
    the trick raises `NotApplicable`. None for all others, also for one that raises another
    error, which training will report.
    """
    return _findings([_inspect(trial) for trial in trials])


def _findings(found: Sequence[dict[str, str] | tuple[str, str] | None]) -> list[Finding]:
    return [
        INERT
        if index > 0 and isinstance(each, dict) and each == found[0]
        else None
        if isinstance(each, dict)
        else each
        for index, each in enumerate(found)
    ]


def survey_options(
    trials: Sequence[dict[str, Any]], tricks: Sequence[str]
) -> tuple[list[Finding], list[tuple[int, int]]]:
    """Look at trials that change one trick each, the baseline first, for a screen of them.

    `tricks` has the changed trick of each, the baseline's empty. Returns a status with its reason
    for those that cannot tell anything here, as `find_inert` does and `skipped` too; and pairs of
    the others that exclude each other, by index.
    """
    from darkmagic.trainers.trick import TrialSkipped

    seen = [_inspect(trial) for trial in trials]
    findings = _findings(seen)
    for index, resolved in enumerate(trials):
        if seen[index] is None:  # an error: weights that are yet to be trained, or one for good
            try:
                _inspect_before_upstream(resolved)
            except TrialSkipped as finding:
                findings[index] = ("skipped", str(finding))
            except Exception:  # noqa: BLE001, S112 (the trial itself reports it, with its log)
                continue
    if findings[0] is not None:  # what the baseline has not either tells nothing of an option
        findings = [None if found == findings[0] else found for found in findings]
    left = [index for index in range(1, len(trials)) if findings[index] is None]
    return findings, list(find_apart(trials, tricks, left))


def find_apart(
    trials: Sequence[Mapping[str, Any]], tricks: Sequence[str], indices: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of `indices` whose changes one recipe cannot have both of."""
    from hydra.utils import instantiate

    from darkmagic.sweeps.trial.former_names import current_node
    from darkmagic.trainers.hooks import Hooks
    from darkmagic.trainers.trick import NotApplicable

    def made(resolved: Mapping[str, Any], name: str) -> Any:
        node = resolved["tricks"].get(name)
        return None if node is None else instantiate(current_node(node))

    baseline = {name: made(trials[0], name) for name in trials[0]["tricks"]}
    changed = {index: made(trials[index], tricks[index]) for index in indices}
    for one, other in itertools.combinations(indices, 2):
        if tricks[one] == tricks[other]:
            continue
        both = {**baseline, tricks[one]: changed[one], tricks[other]: changed[other]}
        try:
            Hooks({name: trick for name, trick in both.items() if trick is not None}, 0)
        except (NotApplicable, ValueError):
            yield one, other


def _inspect(resolved: dict[str, Any]) -> dict[str, str] | tuple[str, str] | None:
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.trick import NotApplicable

    try:
        return _fingerprint(resolved, make_recipe(resolved))
    except NotApplicable as finding:
        return ("not_applicable", str(finding))
    except Exception:  # noqa: BLE001 (the trial itself reports it, with its log)
        return None


def _inspect_before_upstream(resolved: dict[str, Any]) -> None:
    """Make what `resolved` trains, but for weights that it first trains itself.

    Of those it looks for the images. Raises `TrialSkipped` where something cannot be had here.
    """
    from darkmagic.sweeps.trial.pretraining import without_upstream_training
    from darkmagic.sweeps.trial.run import make_recipe, upstream_config

    without = without_upstream_training(resolved)
    if without is not resolved:
        upstream = upstream_config(resolved)
        _load(upstream, make_recipe(upstream))
    _fingerprint(without, make_recipe(without))


def _fingerprint(resolved: dict[str, Any], recipe: Any) -> dict[str, str]:
    from darkmagic.trainers.fingerprint import fingerprint

    return fingerprint(recipe, _load(resolved, recipe))


_loaded: dict[str, Any] = {}


def _load(resolved: dict[str, Any], recipe: Any) -> Any:
    """Load each data set once for all the trials that share it."""
    from darkmagic.trainers.prepare.load_data import load_data

    fold = recipe.folds and (recipe.folds, recipe.seed)
    node = [resolved["dataset"]["source"], resolved["split_seed"], fold]
    key = json.dumps(node, sort_keys=True)
    if key not in _loaded:
        _loaded[key] = load_data(recipe)
    return _loaded[key]
