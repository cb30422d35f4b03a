"""A recipe built up one part at a time: what each step adds to the ones before it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from darkmagic.checklist.compare.rows import Interval, Rules
from darkmagic.checklist.model import BASELINE, Checklist, Trial
from darkmagic.checklist.plan import COMBINATION, baseline_choices
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.stats.alpha_spending import ALPHA
from darkmagic.checklist.stats.effects import Effect, Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run

__all__ = ["Step", "path_steps", "path_trials"]


@dataclass(frozen=True)
class Step:
    """`name` added to the steps before it. `accuracy` is the recipe's value by then of the metric
    that decides, in its unit; `gain` is what the step added, above 0 where it is better, with its
    own interval of gains, and `p_value` is adjusted for all steps.

    >>> Step("mixup=on", accuracy=91.0, gain=0.4, p_value=0.01).adds
    'adds to it'
    """

    name: str
    accuracy: float | None
    gain: float | None = None
    interval: Interval | None = None
    p_value: float | None = None

    @property
    def adds(self) -> str:
        """What is proved of the step, in words."""
        if self.gain is None:
            return ""
        if self.p_value is None or self.p_value >= ALPHA:
            return "not decided"
        return "adds to it" if self.gain > 0 else "takes from it"


def path_trials(
    checklist: Checklist, recipe: Mapping[str, str], order: Sequence[str], seeds: Sequence[int]
) -> list[Trial]:
    """Return for each seed the baseline and the recipe after each step of `order`, its tricks."""
    choices = baseline_choices(checklist)
    found = []
    for seed in seeds:
        found.append(Trial(None, None, "", seed, choices))
        for count in range(1, len(order) + 1):
            taken = {trick: recipe[trick] for trick in order[:count]}
            found.append(Trial(COMBINATION, f"step-{count}", "", seed, {**choices, **taken}))
    return found


def path_steps(
    recipe: Mapping[str, str],
    order: Sequence[str],
    records: Sequence[TrialRecord],
    rules: Rules | None = None,
) -> list[Step]:
    """Return the baseline and each step, by `records` of `path_trials`."""
    from darkmagic.checklist.stats.step_down import adjust

    names = [BASELINE, *(f"{COMBINATION}=step-{count}" for count in range(1, len(order) + 1))]
    rules = rules or Rules()
    metric = rules.metric
    by_seed = [
        {
            r.seed: value
            for r in records
            if r.name == name and (value := r.result(metric)) is not None
        }
        for name in names
    ]
    effects = estimate_effects(
        [
            Run(i, seed, metric.gain(value))
            for i, runs in enumerate(by_seed)
            for seed, value in runs.items()
        ],
        None if metric.is_accuracy else metric.step,
        rules.overlap,
    )
    steps = [
        _step(effects, before, after) for before, after in itertools.pairwise(range(len(names)))
    ]
    tested = [step.p_value if step is not None else None for step in steps]
    # Steps share recipes, and each is the end of one and the start of the next: without a
    # baseline in common, they are adjusted as if they were independent, which is never too bold.
    adjusted = adjust(tested, [0.0] * len(tested))
    means = [sum(runs.values()) / len(runs) if runs else None for runs in by_seed]
    found = [Step(BASELINE, means[0])]
    for trick, mean, step, p in zip(order, means[1:], steps, adjusted, strict=True):
        interval = step.interval() if step is not None else None
        found.append(
            Step(
                f"{trick}={recipe[trick]}",
                mean,
                step.difference if step is not None else None,
                Interval(*interval) if interval else None,
                p,
            )
        )
    return found


def _step(effects: Effects, before: int, after: int) -> Effect | None:
    """Return the difference of two successive recipes, of which the first may be the baseline."""
    own, other = effects.by_trial.get(after), effects.by_trial.get(before)
    if own is None or (before and other is None):
        return None
    if other is None:
        return own
    if effects.joint is None:
        return Effect(own.difference - other.difference)
    covariance = effects.joint.of([effects.trials.index(trial) for trial in (after, before)])
    weights = np.array([1.0, -1.0])
    error = math.sqrt(max(float(weights @ covariance @ weights), 1e-18))
    return Effect(own.difference - other.difference, error, min(own.df, other.df))
