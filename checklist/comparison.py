"""The baseline against each trick: differences with their intervals, and ratios of cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkmagic.checklist.model import BASELINE, Checklist
from darkmagic.checklist.records import Costs, Status, TrialRecord

__all__ = ["Comparison", "Interval", "Row", "compare", "paired_interval"]

COSTS = {
    "time": "step_seconds",
    "memory": "peak_memory_bytes",
    "parameters": "parameters",
    "flops": "flops",
}
"""From a ratio's name to the field of `Costs` that it compares."""


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval, in points."""

    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One trial over its seeds. Accuracies are in percent, differences in points.

    `difference` is the mean over the seeds that the baseline finished too; `interval` needs
    two of these. `ratios` compare mean costs with the baseline's.
    """

    trick: str | None
    option: str | None
    section: str
    statuses: dict[Status, int]
    reason: str
    accuracies: dict[int, float]  # by seed, of finished trials
    accuracy: float | None
    difference: float | None
    interval: Interval | None
    ratios: dict[str, float | None]
    pretrained_share: float | None

    @property
    def name(self) -> str:
        """`baseline`, or `trick=option`."""
        return BASELINE if self.trick is None else f"{self.trick}={self.option}"

    @property
    def finished(self) -> bool:
        """Whether every seed finished."""
        return set(self.statuses) == {Status.FINISHED}

    @property
    def status(self) -> str:
        """In words: `finished`, or how many of the seeds stand how."""
        if len(self.statuses) == 1:
            return _words(next(iter(self.statuses)))
        total = sum(self.statuses.values())
        parts = ", ".join(f"{count} {_words(status)}" for status, count in self.statuses.items())
        return f"of {total}: {parts}"


@dataclass(frozen=True)
class Comparison:
    """The rows, baseline first, and what has to be said beside them."""

    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def baseline(self) -> Row:
        """The row that the others are compared with."""
        return self.rows[0]


def compare(checklist: Checklist, records: Sequence[TrialRecord]) -> Comparison:
    """Compare the trials of `checklist`, whose baseline options come first.

    One row a trial in the checklist's order; records of tricks that it does not name come
    last. Trials that did not finish are rows with their status, never left out.
    """
    by_name: dict[str, list[TrialRecord]] = {BASELINE: []}
    for trick in checklist.tricks:
        by_name.update({f"{trick.name}={option}": [] for option in trick.options[1:]})
    for record in records:
        name = BASELINE if record.trick is None else f"{record.trick}={record.option}"
        by_name.setdefault(name, []).append(record)
    baseline = by_name[BASELINE]
    rows = [_row(group, baseline) for name, group in by_name.items() if group or name == BASELINE]
    seeds = tuple(sorted({record.seed for record in records}))
    return Comparison(tuple(rows), seeds, tuple(_notes(rows, seeds)))


def paired_interval(differences: Sequence[float]) -> Interval | None:
    """Return Student's 95 % interval of the mean of paired `differences`; None below two.

    Equal differences give an interval without width, which says only that the seeds agree.
    """
    if len(differences) < 2:
        return None
    from scipy import stats

    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / len(differences) ** 0.5
    reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return Interval(mean - reach, mean + reach)


def _row(records: Sequence[TrialRecord], baseline: Sequence[TrialRecord]) -> Row:
    own, base = _accuracies(records), _accuracies(baseline)
    is_baseline = records is baseline
    differences = [] if is_baseline else [own[seed] - base[seed] for seed in own if seed in base]
    first = records[0] if records else TrialRecord(None, None, "", 0, Status.PENDING)
    shares = [r.pretrained_share for r in records if r.pretrained_share is not None]
    return Row(
        trick=first.trick,
        option=first.option,
        section=first.section,
        statuses=dict(Counter(record.status for record in records or [first])),
        reason=next((record.reason for record in records if record.reason), ""),
        accuracies=own,
        accuracy=_mean(own.values()),
        difference=_mean(differences),
        interval=paired_interval(differences),
        ratios={name: _ratio(records, baseline, field) for name, field in COSTS.items()},
        pretrained_share=_mean(shares),
    )


def _accuracies(records: Iterable[TrialRecord]) -> dict[int, float]:
    return {
        record.seed: 100 * record.accuracy
        for record in records
        if record.status is Status.FINISHED and record.accuracy is not None
    }


def _ratio(
    records: Sequence[TrialRecord], baseline: Sequence[TrialRecord], field: str
) -> float | None:
    own, base = _mean_cost(records, field), _mean_cost(baseline, field)
    return own / base if own is not None and base else None


def _mean_cost(records: Sequence[TrialRecord], field: str) -> float | None:
    costs: list[Costs] = [r.costs for r in records if r.status is Status.FINISHED]
    return _mean(value for cost in costs if (value := getattr(cost, field)) is not None)


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None


def _words(status: Status) -> str:
    return status.replace("_", " ")


def _notes(rows: Sequence[Row], seeds: Sequence[int]) -> Iterable[str]:
    baseline, *others = rows
    if not baseline.accuracies:
        yield f"The baseline is {baseline.status}: there is nothing to compare with."
    if len(seeds) < 2:
        yield (
            "One run a trial: a single run carries no error bar, so any difference here may be "
            "chance. Run with seeds=3 or more to get intervals."
        )
    elif any(row.interval for row in others):
        yield (
            "Intervals are 95 % of the mean paired difference, each row for itself: among many "
            "rows, some will miss by chance."
        )
    for row in rows:
        if not row.finished and row.reason:
            yield f"{row.name} {row.status}: {row.reason}"
    for row in others:
        if row.pretrained_share is not None and row.pretrained_share < 1:
            yield (
                f"{row.name} uses {row.pretrained_share:.0%} of the pretrained tensors; the rest "
                "did not fit or were edited away."
            )
    yield "Differences are in points of validation accuracy; the test set was not touched."
