"""Values and effects of a few recipes trained with fresh seeds, the baseline first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.stats.effects import Effect, Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run

__all__ = ["contrast_of", "effects_of", "leads", "values_of"]


def values_of(
    groups: Sequence[Sequence[TrialRecord]], value_of: Callable[[TrialRecord], float | None]
) -> list[dict[int, float]]:
    """Return the values of each group by seed, of the runs that have one."""
    return [
        {record.seed: value for record in group if (value := value_of(record)) is not None}
        for group in groups
    ]


def leads(gains: Effects, place: int) -> bool:
    """Return whether the recipe at `place` gains more than the combination."""
    combination, other = gains.by_trial.get(1), gains.by_trial.get(place)
    return other is not None and (combination is None or other.difference > combination.difference)


def effects_of(values: Sequence[Mapping[int, float]], metric: Metric, overlap: float) -> Effects:
    """Return the effects as gains."""
    return estimate_effects(
        [
            Run(trial, seed, metric.gain(value))
            for trial, by_seed in enumerate(values)
            for seed, value in by_seed.items()
        ],
        None if metric.is_accuracy else metric.step,
        overlap,
    )


def contrast_of(effects: Effects, weights: Mapping[int, float]) -> Effect | None:
    """Return a weighted sum of differences; they share the baseline, so errors are correlated."""
    found = [effects.by_trial.get(trial) for trial in weights]
    known = [effect for effect in found if effect is not None]
    if len(known) < len(found):
        return None
    total = sum(w * e.difference for w, e in zip(weights.values(), known, strict=True))
    if effects.joint is None:
        return Effect(total)
    of = np.array(list(weights.values()))
    covariance = effects.joint.of([effects.trials.index(trial) for trial in weights])
    return Effect(total, math.sqrt(of @ covariance @ of), min(effect.df for effect in known))
