"""Two experiments side by side: whether a trick does more in one than in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Interval, Row
from darkmagic.checklist.compare.summary import same_metric
from darkmagic.checklist.stats.effects import Effect

__all__ = ["Contrast", "contrast"]


@dataclass(frozen=True)
class Contrast:
    """The differences of one trial in two experiments, and their difference.

    `p_value` is adjusted over the trials that both have, by step-down max-t, as those of one
    experiment are; `interval` is of this trial by itself.

    >>> Contrast("mixup=on", "regularisation", first=0.4, second=1.1, change=0.7).change
    0.7
    """

    name: str
    section: str
    first: float | None
    second: float | None
    change: float | None = None  # second minus first
    interval: Interval | None = None
    p_value: float | None = None


def contrast(first: Comparison, second: Comparison) -> list[Contrast]:
    """Compare every trial's effect in `first` and `second`; one that has none is None there.

    The experiments share no runs, so their errors add up (Welch 1947). Raises `UserError` where
    they are compared by other metrics.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> comparison = compare(mine, records)
    >>> [(found.name, found.change) for found in contrast(comparison, comparison)]
    [('mixup=on', 0.0)]
    """
    same_metric({"the first": first, "the second": second})
    indices = [{row.name: index for index, row in enumerate(c.rows)} for c in (first, second)]
    rows = {row.name: row for comparison in (second, first) for row in comparison.tricks}
    names = sorted(
        rows, key=lambda name: indices[0].get(name, len(indices[0]) + indices[1].get(name, 0))
    )
    apart: dict[str, Effect | None] = {}
    for name in names:
        one, other = (_effect(c, p, name) for c, p in zip((first, second), indices, strict=True))
        apart[name] = other.minus(one) if one is not None and other is not None else None
    adjusted = _adjusted(apart, first, second, indices)
    return [_contrast(rows[name], first, second, apart[name], adjusted.get(name)) for name in names]


def _adjusted(
    apart: Mapping[str, Effect | None],
    first: Comparison,
    second: Comparison,
    indices: Sequence[Mapping[str, int]],
) -> dict[str, float]:
    """Return the p values of the changes that have an error, adjusted for their number.

    All changes share the luck of both baselines, as far as it is in their variance.
    """
    from darkmagic.checklist.stats.step_down import adjust

    p_values: dict[str, float | None] = {}
    loadings: list[float] = []
    for name, effect in apart.items():
        if effect is None or not effect.error:
            continue
        p_values[name] = effect.p_value
        shared = 0.0
        for comparison, index in zip((first, second), indices, strict=True):
            joint, place = comparison.effects.joint, index[name]
            if joint is not None and place in comparison.effects.trials:
                at = comparison.effects.trials.index(place)
                shared += float(joint.loadings[at] ** 2 * joint.variances[at])
        loadings.append((shared**0.5) / effect.error)
    return dict(zip(p_values, adjust(list(p_values.values()), loadings), strict=True))


def _effect(comparison: Comparison, indices: dict[str, int], name: str) -> Effect | None:
    index = indices.get(name)
    return None if index is None else comparison.effects.by_trial.get(index)


def _contrast(
    row: Row, first: Comparison, second: Comparison, apart: Effect | None, p: float | None
) -> Contrast:
    differences = [
        next((r.difference for r in c.tricks if r.name == row.name), None) for c in (first, second)
    ]
    gain = first.metric.gain
    interval = apart.interval() if apart else None
    return Contrast(
        name=row.name,
        section=row.section,
        first=differences[0],
        second=differences[1],
        change=gain(apart.difference) if apart else None,
        interval=Interval(*sorted(map(gain, interval))) if interval else None,
        p_value=p,
    )
