"""The recipe that a screen or a table predicts to be best: an estimate, and no result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.checklist.model import RATE_TRICK

if TYPE_CHECKING:
    from darkmagic.checklist.designs.crossed.pairs import Cells
    from darkmagic.checklist.designs.fit import Array
    from darkmagic.checklist.stats.effects import Effects

__all__ = ["Prediction", "predict_best"]

Choice = tuple[str, str]


@dataclass(frozen=True)
class Prediction:
    """The recipe that probably is best, and its gain in points: an estimate that is drawn towards
    0, between `low` and `high` with 95 % probability. It is no result.
    """

    choices: Mapping[str, str]
    gain: float
    low: float
    high: float


def predict_best(
    effects: Effects,
    options: Sequence[Choice],
    taken: Sequence[int],
    apart: Collection[tuple[Choice, Choice]] = (),
    rates: Mapping[Choice, str] | None = None,
    cells: Cells | None = None,
) -> Prediction | None:
    """Return the recipe of each trick's best option, by what is left of its effect.

    `taken` are the rows that may be part of it. Of two options that exclude each other the
    better one is taken; `rates` are those at which optimizers are compared, and one that is taken
    brings its own. `cells` are of pairs of tricks that do not add up: the best combination of each
    is taken. None without errors, or if no option promises a gain.
    """
    import numpy as np

    from darkmagic.checklist.stats.posterior import estimate_posterior

    posterior = estimate_posterior(effects)
    if posterior is None:
        return None
    draws = {trial: posterior.of(trial) for trial in taken}
    gains = {trial: float(drawn.mean()) for trial, drawn in draws.items() if drawn is not None}
    excluded = {frozenset(pair) for pair in apart}
    chosen: dict[str, int] = {}
    for trial in sorted(gains, key=lambda trial: -gains[trial]):
        own = options[trial - 1]
        others = [options[other - 1] for other in chosen.values()]
        if gains[trial] <= 0 or own[0] in chosen:
            continue
        if not any(frozenset((own, other)) in excluded for other in others):
            chosen[own[0]] = trial
    paired = {trick for pair in cells or {} for trick in pair}
    choices = {t: options[trial - 1][1] for t, trial in chosen.items() if t not in paired}
    parts = [drawn for t, i in chosen.items() if t in choices and (drawn := draws[i]) is not None]
    for tricks, combined in (cells or {}).items():
        best = max(combined, key=lambda each: combined[each][0])
        if combined[best][0] > 0 and frozenset(zip(tricks, best, strict=True)) not in excluded:
            changed = [each for each in zip(tricks, best, strict=True) if each in options]
            choices |= dict(changed)
            parts.append(_drawn(effects, *combined[best], len(posterior.draws)))
    if not parts:
        return None
    total = np.sum(np.stack(parts), axis=0)
    low, high = np.percentile(total, [2.5, 97.5]).tolist()
    for choice in list(choices.items()):
        if choice in (rates or {}):
            choices[RATE_TRICK] = (rates or {})[choice]
    return Prediction(choices, float(total.mean()), low, high)


def _drawn(effects: Effects, points: float, error: float, count: int) -> Array:
    """Return draws of what a combination gains, drawn towards 0 as far as all effects are."""
    import numpy as np

    known = [(e.difference, e.error) for e in effects.by_trial.values() if e.error is not None]
    found, errors = np.array(known).T
    true = max(float(np.mean(found**2 - errors**2)), 0.0)
    share = true / (true + error**2) if true else 0.0
    rng = np.random.default_rng(0)
    return np.asarray(share * points + error * share**0.5 * rng.standard_normal(count))
