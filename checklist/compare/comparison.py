"""The baseline against each trick: differences with their errors, verdicts and costs.

Statistics are made of gains, of which more is better; rows have the metric's own differences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.claims import Estimate, claims_up_to
from darkmagic.checklist.compare.costs import COSTS, Ratio
from darkmagic.checklist.compare.groups import Groups, by_trial, last_complete_look, runs_of
from darkmagic.checklist.compare.outlook import outlooks
from darkmagic.checklist.compare.rows import Row, Rules, make_row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.designs.crossed.prediction import predict_best
from darkmagic.checklist.designs.table import Screened, is_screen
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import BASELINE, Checklist, rates_needed
from darkmagic.checklist.records import ENDED, Status, TrialRecord
from darkmagic.checklist.runs.collapse import find_collapses
from darkmagic.checklist.runs.floor import Unlearnt, is_below_floor, nothing_learnt, with_floor
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

if TYPE_CHECKING:
    from darkmagic.checklist.stats.effects import Effects

__all__ = ["Comparison", "compare"]

FAILURES = (Status.FAILED, Status.DIVERGED, Status.STOPPED)


@dataclass(frozen=True)
class Comparison:
    """The rows, baseline first, and what they were judged by.

    `look` is the last whose runs have all ended; 0 while the first one's have not. `screen` is
    there where trials mix options: then each row is an option, averaged over all others.
    `effects` are gains: of a metric of which less is better, differences with their sign turned.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> comparison = compare(mine, records)
    >>> comparison.baseline.name, comparison.seeds, len(comparison.having(Verdict.BETTER))
    ('baseline', 3, 1)
    """

    rows: tuple[Row, ...]
    effects: Effects
    rules: Rules
    look: int
    waiting: int  # runs that have not ended
    images: int | None  # in the validation set
    baseline_runs: int
    seeds: int  # most finished runs of a trick
    baseline_options: Mapping[str, str]  # by trick
    unlearnt: Unlearnt | None = None  # why nothing was learnt in the whole of it
    screen: Screened | None = None

    @property
    def metric(self) -> Metric:
        """What decides."""
        return self.rules.metric

    @property
    def baseline(self) -> Row:
        """The row that the others are compared with."""
        return self.rows[0]

    @property
    def tricks(self) -> tuple[Row, ...]:
        """The rows other than the baseline, each of which is one test."""
        return self.rows[1:]

    @property
    def ended(self) -> int:
        """How many runs have a result; a run of a screen is one, whatever options it has."""
        if self.screen is not None:
            return len(self.screen.runs(None))
        return sum(len(row.accuracies) for row in self.rows)

    def having(self, *verdicts: Verdict) -> tuple[Row, ...]:
        """Return the tricks' rows with one of `verdicts`."""
        return tuple(row for row in self.tricks if row.verdict in verdicts)


def compare(
    checklist: Checklist,
    records: Sequence[TrialRecord],
    rules: Rules | None = None,
    apart: Collection[tuple[tuple[str, str], tuple[str, str]]] = (),
    together: Mapping[tuple[str, str], int] | None = None,
) -> Comparison:
    """Compare the trials of `checklist`, whose baseline options come first.

    One row a trial in the checklist's order; records of tricks that it does not name come
    last. Trials that did not finish are rows with their verdict, never left out. Where trials of
    a screen are among them, there is one row an option, of all runs that have it; `apart` are
    pairs of options that no recipe may combine, and `together` pairs of tricks that it tells apart,
    with the look whose runs do (0: the last).

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> baseline, mixup = compare(mine, records).rows
    >>> round(mixup.difference, 2), mixup.verdict.value
    (2.33, 'better')
    """
    rules = rules or Rules()
    records = with_floor(records, rules.floor, rules.metric)
    metric = rules.metric
    screen = Screened.of(checklist, records, metric, together) if is_screen(records) else None
    groups: Groups = screen.groups if screen else by_trial(checklist, records)
    look = last_complete_look(records)
    names = list(groups)
    images = next((r.images for r in records if r.images is not None), None)
    resolution = metric.step if not metric.is_accuracy else 100 / images if images else None
    estimate = _estimate(groups, screen, rules, resolution)
    testable = [not any(record.status in FAILURES for record in g) for g in groups.values()]
    effects, claims = claims_up_to(look, estimate, testable, gains_only=rules.race)
    needs = rates_needed(checklist, screened=screen is not None)
    missed = _missed_errors(groups, metric, look, effects if screen else None)
    rows = [
        make_row(
            groups[name],
            groups[BASELINE],
            effects,
            index,
            claims[index],
            rules,
            missed.get(name),
            waiting=look == 0,
            retune=needs.get(name, ()),
        )
        for index, name in enumerate(names)
    ]
    if screen:
        rows = [
            dataclasses.replace(
                row, ratios={k: None if v is None else Ratio(v) for k, v in found.items()}
            )
            for row, found in zip(rows, screen.average_ratios(COSTS), strict=True)
        ]
    elif look:  # of a screen, an option's runs have the other options' collapses too
        rows = _with_collapses(rows, groups, metric, effects, look, resolution)
    rows = _with_outlooks(rows, effects) if look else rows
    if screen and look:
        taken = [index for index, row in enumerate(rows) if row.outlook]
        best = predict_best(effects, screen.options, taken, apart, screen.rates, screen.cells)
        screen = dataclasses.replace(screen, prediction=best)
    return Comparison(
        rows=tuple(rows),
        effects=effects,
        rules=rules,
        look=look,
        waiting=sum(record.status not in ENDED for record in records),
        images=images,
        baseline_runs=len(rows[0].accuracies),
        seeds=max((len(row.accuracies) for row in rows[1:]), default=0),
        baseline_options={trick.name: trick.options[0] for trick in checklist.tricks},
        unlearnt=nothing_learnt(records, metric) if look else None,
        screen=screen,
    )


def _estimate(
    groups: Groups, screen: Screened | None, rules: Rules, resolution: float | None
) -> Estimate:
    if screen is not None:
        return lambda look: screen.effects(look, resolution)
    from darkmagic.checklist.stats.effects import estimate_effects

    return lambda look: estimate_effects(
        runs_of(groups, rules.metric, look), resolution, rules.overlap
    )


def _missed_errors(
    groups: Groups, metric: Metric, look: int, screen: Effects | None
) -> dict[str, float]:
    """Return the effect that each row's test misses once in five, in standard errors.

    `screen` has the effects of a screen, whose rows share one spread.
    """
    from darkmagic.checklist.stats.detectable import detectable_errors

    if not look:
        return {}
    level = ALPHA * share_of_look(look)
    if screen is not None:
        from darkmagic.checklist.designs.fit import detectable_in_errors
        from darkmagic.checklist.stats.step_down import critical_p

        if not screen.df:
            return {}
        p = critical_p(screen, len(groups) - 1, level)
        return dict.fromkeys(groups, detectable_in_errors(screen.df, p))
    seeds_of = [
        tuple(sorted(run.seed for run in runs_of({name: group}, metric, look)))
        for name, group in groups.items()
    ]
    found = detectable_errors(tuple(seeds_of), level)
    known = zip(groups, seeds_of, strict=True)
    return {name: found[seeds] for name, seeds in known if seeds in found}


def _with_collapses(
    rows: Sequence[Row],
    groups: Groups,
    metric: Metric,
    effects: Effects,
    look: int,
    resolution: float | None,
) -> list[Row]:
    """Add how often rows collapsed, where they have runs enough to tell."""
    lost = {
        index: sum(r.status is Status.DIVERGED or is_below_floor(r) for r in group)
        for index, group in enumerate(groups.values())
    }
    found = find_collapses(runs_of(groups, metric, look), effects, lost, resolution)
    return [dataclasses.replace(row, collapse=found.get(i)) for i, row in enumerate(rows)]


def _with_outlooks(rows: Sequence[Row], effects: Effects) -> list[Row]:
    """Add what rows that were tested probably do."""
    times = {}
    for index, row in enumerate(rows):
        time = row.ratios["time"]
        if time is not None and (index == 0 or row.interval):
            error = (time.spread or 0.0) / max(len(row.accuracies), 1) ** 0.5
            times[index] = Ratio(time.value, error)
    found, front = outlooks(effects, [row.trick for row in rows], times)
    return [
        dataclasses.replace(
            row, outlook=found.get(index) if row.interval else None, front=front.get(index)
        )
        for index, row in enumerate(rows)
    ]
