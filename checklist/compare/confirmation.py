"""The last step: the winners together, against the baseline, on the test set and fresh seeds.

Verdicts pick what looked best on the validation set, so their differences flatter. And tricks
that help alone need not help together: the article assumes that their effects add up. One
confirmation answers both, the second by comparing the combination with the sum of its parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Interval
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.stats.alpha_spending import ALPHA
from darkmagic.checklist.stats.effects import Effect, estimate_effects
from darkmagic.checklist.stats.linear import Run

__all__ = ["Confirmation", "confirm"]


@dataclass(frozen=True)
class Confirmation:
    """`test` and `validation` are the combination minus the baseline, in points; `parts` is the
    sum of its options' differences in the sweep, None where one of them has none. Accuracies
    are of the test set, in percent, by seed.
    """

    combination: Mapping[str, str]
    baseline: Mapping[int, float]
    combined: Mapping[int, float]
    test: Effect | None
    validation: Effect | None
    parts: Effect | None
    failed: tuple[str, ...]

    @property
    def shortfall(self) -> Effect | None:
        """The combination minus the sum of its parts, both on the validation set."""
        if self.validation is None or self.parts is None:
            return None
        return self.validation.minus(self.parts)

    @property
    def sentences(self) -> list[str]:
        """What came of it, in plain English."""
        lines = list(self.failed)
        if self.test is None:
            return [*lines, "Nothing is confirmed: a recipe has no result."]
        gain = f"The combination gains {self.test.difference:+.2f} points on the test set"
        interval = self.test.interval()
        if interval is None or self.test.p_value is None:
            lines.append(f"{gain}; one run has no error bar.")
        else:
            sure = "confirmed" if self.test.p_value < ALPHA and interval[0] > 0 else "not confirmed"
            lines.append(f"{gain} ({interval[0]:+.2f} to {interval[1]:+.2f}): {sure}.")
        if len(self.combination) > 1:
            lines.append(_independence(self.shortfall, self.parts))
        return lines


def confirm(
    combination: Mapping[str, str], records: Sequence[TrialRecord], sweep: Comparison
) -> Confirmation:
    """Compare the combination with the baseline. `records` are of both, on fresh seeds."""
    groups = [
        [r for r in records if (r.trick is None) == is_baseline] for is_baseline in (True, False)
    ]
    done = [[r for r in group if r.status is Status.FINISHED] for group in groups]
    test = [
        {r.seed: 100 * r.test_accuracy for r in group if r.test_accuracy is not None}
        for group in done
    ]
    validation = [
        {r.seed: 100 * r.accuracy for r in group if r.accuracy is not None} for group in done
    ]
    return Confirmation(
        combination=dict(combination),
        baseline=test[0],
        combined=test[1],
        test=_effect(test),
        validation=_effect(validation),
        parts=_sum_of_parts(combination, sweep),
        failed=tuple(
            f"{record.name} seed {record.seed} {record.status}: {record.reason}."
            for record in records
            if record.status is not Status.FINISHED
        ),
    )


def _effect(accuracies: Sequence[Mapping[int, float]]) -> Effect | None:
    runs = [
        Run(trial, seed, accuracy)
        for trial, by_seed in enumerate(accuracies)
        for seed, accuracy in by_seed.items()
    ]
    return estimate_effects(runs).by_trial.get(1)


def _sum_of_parts(combination: Mapping[str, str], sweep: Comparison) -> Effect | None:
    """Add up the sweep's differences; they share the baseline, so their errors are correlated."""
    effects = sweep.effects
    names = [f"{trick}={option}" for trick, option in combination.items()]
    indices = {row.name: index for index, row in enumerate(sweep.rows)}
    parts = [effects.by_trial.get(indices[name]) if name in indices else None for name in names]
    if any(part is None for part in parts):
        return None
    total = sum(part.difference for part in parts if part is not None)
    if effects.joint is None:
        return Effect(total)
    chosen = [effects.trials.index(indices[name]) for name in names]
    variance = float(effects.joint.of(chosen).sum())
    df = min(part.df for part in parts if part is not None)
    return Effect(total, math.sqrt(variance), df)


def _independence(shortfall: Effect | None, parts: Effect | None) -> str:
    if shortfall is None or parts is None:
        return "The sum of its parts is not known, so independence could not be tested."
    together = f"On the validation set its parts sum to {parts.difference:+.2f}"
    if shortfall.p_value is None or (interval := shortfall.interval()) is None:
        return f"{together}; without error bars, independence could not be tested."
    apart = Interval(*interval)
    span = f"({apart.low:+.2f} to {apart.high:+.2f})"
    if shortfall.p_value >= ALPHA:
        return (
            f"{together}, and it is {shortfall.difference:+.2f} {span} from that: they add up, as "
            "far as can be seen."
        )
    relation = "less" if shortfall.difference < 0 else "more"
    return (
        f"{together}: together they gain {abs(shortfall.difference):.2f} points {relation} {span}. "
        "Their effects are not independent."
    )
