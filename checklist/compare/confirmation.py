"""The last step: the winners together, against the baseline, on the test set and fresh seeds.

Verdicts pick what looked best on the validation set, so their differences flatter. And tricks
that help alone need not help together: the article assumes that their effects add up. One
confirmation answers both, the second by comparing the combination with the sum of its parts on
the same fresh seeds: the sweep's own estimates of its winners are too high, because they won.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.stats.alpha_spending import ALPHA
from darkmagic.checklist.stats.effects import Effect, Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.posterior import estimate_posterior

__all__ = ["Confirmation", "confirm"]


@dataclass(frozen=True)
class Confirmation:
    """`test` is what the combination gains over the baseline, in the unit of `metric`'s
    differences.

    `parts` is the sum of its options' gains on the validation set, and `shortfall` the combination
    minus that; None where one of them is not known. `fresh` says that the options were trained
    alone on the same seeds; otherwise their sum is the sweep's, drawn towards 0. `baseline` and
    `combined` are values of the test set, in the metric's unit, by seed.
    """

    combination: Mapping[str, str]
    baseline: Mapping[int, float]
    combined: Mapping[int, float]
    test: Effect | None
    parts: Effect | None
    shortfall: Effect | None
    fresh: bool
    failed: tuple[str, ...]
    metric: Metric = ACCURACY

    @property
    def sentences(self) -> list[str]:
        """What came of it, in plain English."""
        lines = list(self.failed)
        if self.test is None:
            return [*lines, "Nothing is confirmed: a recipe has no result."]
        gained = self.metric.amount(self.test.difference, sign=True)
        gain = f"The combination gains {gained} on the test set"
        interval = self.test.interval()
        if interval is None or self.test.p_value is None:
            lines.append(f"{gain}; one run has no error bar.")
        else:
            sure = "confirmed" if self.test.p_value < ALPHA and interval[0] > 0 else "not confirmed"
            lines.append(f"{gain} ({self._span(interval)}): {sure}.")
        if len(self.combination) > 1:
            lines.append(self._independence())
        return lines

    def _span(self, interval: tuple[float, float]) -> str:
        return " to ".join(map(self.metric.difference, interval))

    def _independence(self) -> str:
        shortfall, parts = self.shortfall, self.parts
        if shortfall is None or parts is None:
            return "The sum of its parts is not known, so independence could not be tested."
        whose = "" if self.fresh else ", by the sweep's estimates drawn towards 0,"
        summed = self.metric.difference(parts.difference)
        together = f"On the validation set its parts{whose} sum to {summed}"
        if shortfall.p_value is None or (interval := shortfall.interval()) is None:
            return f"{together}; without error bars, independence could not be tested."
        span = f"({self._span(interval)})"
        if shortfall.p_value >= ALPHA:
            return (
                f"{together}, and it is {self.metric.difference(shortfall.difference)} {span} from "
                "that: they add up, as far as can be seen."
            )
        relation = "less" if shortfall.difference < 0 else "more"
        return (
            f"{together}: together they gain {self.metric.amount(abs(shortfall.difference))} "
            f"{relation} {span}. Their effects are not independent."
        )


def confirm(
    combination: Mapping[str, str], records: Sequence[TrialRecord], sweep: Comparison
) -> Confirmation:
    """Compare the combination with the baseline and with its parts.

    `records` are of them, on fresh seeds; those of options alone may be missing.
    """
    metric = sweep.metric
    names = [BASELINE, *(f"{trick}={option}" for trick, option in combination.items())]
    done = [record for record in records if record.status is Status.FINISHED]
    groups = {name: [r for r in done if r.name == name] for name in names}
    together = [r for r in done if r.trick is not None and r.name not in names]
    recipes = [groups[BASELINE], together, *(groups[name] for name in names[1:])]
    test = [
        {r.seed: value for r in group if (value := r.test_result(metric)) is not None}
        for group in recipes
    ]
    validation = [
        {r.seed: value for r in group if (value := r.result(metric)) is not None}
        for group in recipes
    ]
    seen = _effects(validation, metric, sweep.rules.overlap)
    fresh = len(combination) > 1 and all(validation[2:])
    options = range(2, len(recipes))
    if len(combination) == 1:
        parts = shortfall = None
    elif fresh:
        parts = _contrast(seen, dict.fromkeys(options, 1.0))
        shortfall = _contrast(seen, {1: 1.0, **dict.fromkeys(options, -1.0)})
    else:
        parts, whole = _shrunken_parts(names[1:], sweep), seen.by_trial.get(1)
        shortfall = whole.minus(parts) if whole is not None and parts is not None else None
    return Confirmation(
        combination=dict(combination),
        baseline=test[0],
        combined=test[1],
        test=_effects(test, metric, sweep.rules.overlap).by_trial.get(1),
        parts=parts,
        shortfall=shortfall,
        fresh=fresh,
        failed=tuple(
            f"{record.name} seed {record.seed} {record.status}: {record.reason}."
            for record in records
            if record.status is not Status.FINISHED
        ),
        metric=metric,
    )


def _effects(values: Sequence[Mapping[int, float]], metric: Metric, overlap: float) -> Effects:
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


def _contrast(effects: Effects, weights: Mapping[int, float]) -> Effect | None:
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


def _shrunken_parts(names: Sequence[str], sweep: Comparison) -> Effect | None:
    """Return the sum of what the options probably do, given the sweep that chose them."""
    indices = {row.name: index for index, row in enumerate(sweep.rows)}
    posterior = estimate_posterior(sweep.effects)
    if posterior is None:
        return None
    drawn = [posterior.of(indices.get(name, 0)) for name in names]
    known = [draws for draws in drawn if draws is not None]
    if len(known) < len(names):
        return None
    total = np.sum(known, axis=0)
    return Effect(float(total.mean()), float(total.std()), max(float(sweep.effects.df), 1.0))
