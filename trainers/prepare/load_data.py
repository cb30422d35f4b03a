"""The data that a recipe trains and validates on."""

from __future__ import annotations

from darkmagic.trainers.data.assembly.usable import why_malformed
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.splits.folds import hold_out_fold
from darkmagic.trainers.metrics.values import why_no_metric, why_no_value
from darkmagic.trainers.recipe import Recipe

__all__ = ["load_data"]


def load_data(recipe: Recipe) -> Data:
    """Return the splits of the recipe's data set; with folds, those of its seed's.

    Raises as the data set does, and `ValueError` for what is not of the form that `Data` says, or
    for a metric that says nothing of it, or has no value on a split that is evaluated.
    """
    data = recipe.dataset.load(recipe.split_seed)
    if malformed := why_malformed(data):
        raise ValueError(malformed)
    reason = why_no_metric(recipe.metric, len(data.classes), multilabel=data.multilabel)
    if reason:
        raise ValueError(reason)
    if recipe.folds is not None:
        data = hold_out_fold(data, recipe.folds, recipe.seed, recipe.split_seed)
    for name in ("val", "test") if recipe.test_set else ("val",):
        split = getattr(data, name)
        if len(split) and (reason := why_no_value(recipe.metric, split.targets)):
            raise ValueError(
                f"metric={recipe.metric} has no value on {name}: {reason}; give it others, or take "
                "metric=accuracy"
            )
    return data
