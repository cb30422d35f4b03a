"""One table over many experiments: a trial's gain on several tasks, with few runs of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Interval
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.stats.robust import bootstrap, next_experiment

__all__ = ["Summary", "same_metric", "summarise"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """A trial over `experiments`. `gain` is an interquartile mean, `improvement` the
    probability in [0, 1] that one of its runs beats one of the baseline's; their 95 % intervals
    describe these experiments. `next_interval` is where the gain of another experiment like
    them would be with a probability of 95 %; None for fewer than three.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> [found] = summarise({"digits": compare(mine, records)})
    >>> found.name, found.experiments, found.improvement
    ('mixup=on', 1, 1.0)
    """

    name: str
    section: str
    experiments: int
    runs: int
    gain: float
    gain_interval: Interval
    improvement: float
    improvement_interval: Interval
    next_interval: Interval | None = None


def summarise(comparisons: Mapping[str, Comparison]) -> list[Summary]:
    """Return a summary of every trial that has runs in `comparisons`, largest gain first.

    Raises `UserError` where they are compared by other metrics.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> [found] = summarise({"digits": compare(mine, records)})
    >>> found.name, round(found.gain, 2)
    ('mixup=on', 2.33)
    """
    if not comparisons:
        return []
    same_metric(comparisons)
    sections = {row.name: row.section for c in comparisons.values() for row in c.tricks}
    found = []
    for name, section in sections.items():
        own, baseline = _runs_of(name, comparisons.values())
        if own:
            found.append(
                dataclasses.replace(
                    _summary(name, section, own, baseline),
                    next_interval=_next_interval(name, comparisons.values()),
                )
            )
    return sorted(found, key=lambda summary: -summary.gain)


def same_metric(comparisons: Mapping[str, Comparison]) -> Metric:
    """Return the metric that all `comparisons` have; raise `UserError` where they differ."""
    metrics = [comparison.metric for comparison in comparisons.values()]
    for name, metric in zip(comparisons, metrics, strict=True):
        if (metric.name, metric.direction) != (metrics[0].name, metrics[0].direction):
            raise UserError(
                f"{next(iter(comparisons))} is compared by {metrics[0].name} and {name} by "
                f"{metric.name}: give experiments of one metric"
            )
    return metrics[0]


def _next_interval(name: str, comparisons: Iterable[Comparison]) -> Interval | None:
    rows = [row for c in comparisons for row in c.tricks if row.name == name]
    sign = next((c.metric.sign for c in comparisons), 1)
    known = [(sign * r.difference, r.error) for r in rows if r.difference is not None and r.error]
    if not known:
        return None
    gains, errors = np.array(known).T
    found = next_experiment(gains, errors)
    return Interval(found.low, found.high) if found else None


def _runs_of(name: str, comparisons: Iterable[Comparison]) -> tuple[list[Array], list[Array]]:
    own, baseline = [], []
    for comparison in comparisons:
        rows = {row.name: row for row in comparison.tricks}
        base = comparison.baseline.accuracies
        if name in rows and rows[name].accuracies and base:
            sign = comparison.metric.sign
            own.append(sign * np.array(list(rows[name].accuracies.values())))
            baseline.append(sign * np.array(list(base.values())))
    return own, baseline


def _summary(name: str, section: str, own: list[Array], baseline: list[Array]) -> Summary:
    gain, better = bootstrap(own, baseline)
    return Summary(
        name=name,
        section=section,
        experiments=len(own),
        runs=sum(len(runs) for runs in own),
        gain=gain.value,
        gain_interval=Interval(gain.low, gain.high),
        improvement=better.value,
        improvement_interval=Interval(better.low, better.high),
    )
