"""Rows, verdicts in their order, and what has to be said beside them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from darkmagic.checklist.compare.claims import Claim
from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.costs import Change, Ratio, other_changes
from darkmagic.checklist.compare.outlook import on_front
from darkmagic.checklist.compare.rows import Row, Rules
from darkmagic.checklist.compare.verdicts import Verdict, judge
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.records import Costs, Status
from darkmagic.checklist.report.notes.table import table_notes
from darkmagic.checklist.stats.effects import Effect
from records import COSTS, SMALL, STEADY, record, simulated, swept


def _row(comparison: Comparison, name: str) -> Row:
    return next(row for row in comparison.rows if row.name == name)


def test_verdicts_of_a_clear_sweep() -> None:
    """One better, one worse, two that cannot be told from the baseline."""
    comparison = compare(SMALL, swept(STEADY))
    verdicts = {row.name: row.verdict for row in comparison.rows}
    assert verdicts == {
        "baseline": Verdict.BASELINE,
        "lr=cosine": Verdict.BETTER,
        "mixup=on": Verdict.WORSE,
        "stem=relu": Verdict.UNDECIDED,
        "stem=swish": Verdict.UNDECIDED,
    }
    assert _row(comparison, "lr=cosine").difference == pytest.approx(1.5333, abs=1e-3)
    assert _row(comparison, "stem=relu").minimum_detectable is not None


def test_a_preset_smallest_effect_turns_undecided_into_no_practical_difference() -> None:
    """Where the interval lies inside it."""
    comparison = compare(SMALL, swept(STEADY), Rules(min_effect=0.5))
    assert _row(comparison, "stem=relu").verdict is Verdict.NO_PRACTICAL_DIFFERENCE
    assert _row(comparison, "lr=cosine").verdict is Verdict.BETTER


FOUND = Claim(1, Effect(1.0, 0.1, 30), 0.001, (0.7, 1.3))
FINISHED = {Status.FINISHED: 3}


def _claim(difference: float, p: float, reach: float, **effect: Any) -> Claim:
    interval = (difference - reach, difference + reach)
    return Claim(1, Effect(difference, 0.04, 30, **effect), p, interval)


@pytest.mark.parametrize(
    ("statuses", "claim", "waiting", "verdict"),
    [
        ({Status.SKIPPED: 3}, FOUND, True, Verdict.NOT_YET),
        ({Status.SKIPPED: 1, Status.FAILED: 2}, FOUND, False, Verdict.SKIPPED),
        ({Status.NOT_APPLICABLE: 3}, Claim(1), False, Verdict.NOT_APPLICABLE),
        ({Status.FINISHED: 2, Status.FAILED: 1}, FOUND, False, Verdict.FAILED),
        ({Status.FINISHED: 4, Status.DIVERGED: 1}, FOUND, False, Verdict.FAILED),
        ({Status.INERT: 3}, Claim(1), False, Verdict.INERT),
        (FINISHED, Claim(1), False, Verdict.NOT_TESTED),
        (FINISHED, Claim(1, Effect(1.0)), False, Verdict.NOT_TESTED),
        (FINISHED, _claim(1.0, 0.001, 0.3, unstable=True), False, Verdict.BETTER),
        (FINISHED, _claim(1.0, 0.049, 0.9), False, Verdict.BETTER),
        (FINISHED, _claim(-1.0, 0.049, 0.9), False, Verdict.WORSE),
        (FINISHED, _claim(0.0, 0.9, 0.09), False, Verdict.NO_PRACTICAL_DIFFERENCE),
        (FINISHED, _claim(0.02, 0.9, 0.09), False, Verdict.UNDECIDED),
        (FINISHED, _claim(1.0, 0.05, 1.01), False, Verdict.UNDECIDED),
    ],
)
def test_the_first_verdict_that_fits_is_said(
    statuses: dict[Status, int], claim: Claim, waiting: bool, verdict: Verdict
) -> None:
    """In the documented order."""
    assert judge(statuses, claim, min_effect=0.1, waiting=waiting) is verdict


def test_failed_runs_are_counted_with_their_kind() -> None:
    """`1 of 3 failed: OutOfMemoryError`, and the row is not tested on what is left."""
    records = swept(STEADY)
    records = [
        dataclasses.replace(
            r, status=Status.FAILED, accuracy=None, reason="OutOfMemoryError: CUDA is full"
        )
        if (r.name, r.seed) == ("lr=cosine", 1)
        else r
        for r in records
    ]
    comparison = compare(SMALL, records)
    row = _row(comparison, "lr=cosine")
    assert row.verdict_text == "1 of 3 failed: OutOfMemoryError"
    assert row.difference is not None
    assert any("CUDA is full" in note for note in table_notes(comparison))


def test_dropping_a_row_buys_nothing() -> None:
    """Failed and skipped rows count among the tests as if they had been tested."""
    alone = {name: runs for name, runs in STEADY.items() if not name.startswith("stem")}
    whole = swept(alone)
    skipped = [
        record(f"stem={option}", seed, None, status=Status.SKIPPED, reason="offline")
        for option in ("relu", "swish")
        for seed in range(3)
    ]
    with_skipped = _row(compare(SMALL, whole + skipped), "mixup=on").p_value
    without = _row(compare(SMALL, whole), "mixup=on").p_value
    assert with_skipped is not None
    assert without is not None
    assert 1.5 * without < with_skipped < 2 * without


def test_runs_at_chance_level_failed() -> None:
    """Below 1.1 times chance, or below a preset floor; not where the baseline is there too."""

    def collapsed(r: Any) -> Any:
        low = (r.name, r.seed) == ("lr=cosine", 0)
        return dataclasses.replace(r, accuracy=0.105 if low else r.accuracy, classes=10)

    records = swept(STEADY, collapsed)
    assert (
        _row(compare(SMALL, records), "lr=cosine").verdict_text == "1 of 3 failed: learned nothing"
    )
    assert _row(compare(SMALL, records, Rules(floor=0.1)), "lr=cosine").verdict != Verdict.FAILED
    strict = compare(SMALL, swept(STEADY), Rules(floor=0.89))
    assert _row(strict, "mixup=on").verdict is Verdict.FAILED
    hopeless = compare(SMALL, swept(STEADY), Rules(floor=0.99))
    assert _row(hopeless, "lr=cosine").verdict is Verdict.BETTER


def test_one_run_a_trick_has_no_verdict() -> None:
    """And the table says what luck does to such a table."""
    comparison = compare(SMALL, swept({name: runs[:1] for name, runs in STEADY.items()}))
    assert {row.verdict for row in comparison.tricks} == {Verdict.NOT_TESTED}
    assert all(row.interval is None and row.p_value is None for row in comparison.tricks)
    assert any("has no error bar" in note for note in table_notes(comparison))


def test_no_verdict_before_the_last_run_has_ended() -> None:
    """Differences may be looked at, verdicts not: each look costs."""
    records = [*swept(STEADY), record("stem=swish", 3, None, status=Status.RUNNING)]
    comparison = compare(SMALL, records)
    assert comparison.look == 0
    assert {row.verdict for row in comparison.tricks} == {Verdict.NOT_YET}
    assert _row(comparison, "lr=cosine").difference is not None
    assert any("1 run of this look have not ended" in note for note in table_notes(comparison))


def test_verdicts_of_the_last_whole_look_stand_while_seeds_are_added() -> None:
    """Runs of the next look change nothing before they are all there."""
    first = swept(STEADY)
    running = record("stem=relu", 3, None, status=Status.RUNNING, look=2)
    ended = record("baseline", 3, 0.5, look=2)
    before, during = compare(SMALL, first), compare(SMALL, [*first, running, ended])
    assert during.look == 1
    assert [row.verdict for row in during.rows] == [row.verdict for row in before.rows]
    assert _row(during, "lr=cosine").p_value == _row(before, "lr=cosine").p_value


def test_a_later_look_has_less_to_spend_and_keeps_what_was_found() -> None:
    """P values are divided by the look's share, and a claim of the first look stands."""
    first = swept(STEADY)
    later = [record(n, 3, r[0] / 100, look=2) for n, r in STEADY.items() if n != "lr=cosine"]
    comparison = compare(SMALL, [*first, *later])
    assert comparison.look == 2
    assert _row(comparison, "lr=cosine").verdict is Verdict.BETTER
    assert any("10 % of the 5 % error rate" in note for note in table_notes(comparison))


def test_a_failed_baseline_leaves_nothing_to_compare() -> None:
    """And the table says so, with the reason."""
    records = [
        record("baseline", 0, None, status=Status.FAILED, reason="OSError: x"),
        record("lr=cosine"),
    ]
    comparison = compare(SMALL, records)
    assert _row(comparison, "lr=cosine").difference is None
    assert any("OSError: x" in n and "nothing to compare" in n for n in table_notes(comparison))


def test_rows_come_in_the_checklists_order_and_strangers_last() -> None:
    """Whatever the order of the records."""
    records = [record(n) for n in ("own=on", "mixup=on", "baseline", "lr=cosine")]
    names = [row.name for row in compare(SMALL, records).rows]
    assert names == ["baseline", "lr=cosine", "mixup=on", "own=on"]


def test_costs_are_ratios_with_the_spread_of_paired_seeds() -> None:
    """Time, total time, memory, parameters, FLOPs."""
    heavy = [Costs(3.0, 90.0, 1500, 100, 20.0), Costs(4.0, 90.0, 1500, 100, 20.0)]
    records = [record("baseline", s) for s in (0, 1)]
    records += [record("lr=cosine", s, costs=heavy[s]) for s in (0, 1)]
    ratios = _row(compare(SMALL, records), "lr=cosine").ratios
    assert ratios["time"] == Ratio(1.75, pytest.approx(np.std([1.5, 2.0], ddof=1)))
    assert ratios["parameters"] == Ratio(2.0, 0.0)
    assert ratios["flops"] == Ratio(2.0, 0.0)
    assert ratios["wall"] == Ratio(1.5, 0.0)


def test_rows_that_no_other_beats_are_the_pareto_front() -> None:
    """By the definition, over random points that are known exactly."""
    rng = np.random.default_rng(0)
    points = [(float(g), float(c)) for g, c in rng.random((40, 2))]
    front = on_front([np.full(2, gain) for gain, _ in points], [Ratio(cost) for _, cost in points])
    for probability, (gain, cost) in zip(front, points, strict=True):
        beaten = any((g > gain and c <= cost) or (g >= gain and c < cost) for g, c in points)
        assert probability == float(not beaten)


def test_a_row_is_starred_only_if_it_is_on_the_front_at_90_percent() -> None:
    """A fast row that gains much is; rows whose gains and times cannot be told apart are not."""
    fast = [
        dataclasses.replace(r, costs=Costs(1.0)) if r.name == "lr=cosine" else r
        for r in swept(STEADY)
    ]
    assert [row.name for row in compare(SMALL, fast).rows if row.on_pareto_front] == ["lr=cosine"]
    alike = compare(SMALL, simulated(SMALL, 3)).rows
    assert not any(row.on_pareto_front for row in alike)
    assert 0.9 < sum(row.front or 0 for row in alike) < 4


def test_costs_of_the_baseline_are_one() -> None:
    """Whatever they are."""
    rows = compare(SMALL, swept(STEADY)).rows
    assert rows[0].ratios["time"] == Ratio(1.0, 0.0)
    assert COSTS.step_seconds == 2.0


def test_metrics_that_do_not_decide_are_compared_over_the_seeds_of_both() -> None:
    """In their own unit; runs of one side alone, failed runs and mixtures are left out."""
    top5 = Metric("top-5", "%", scale=100.0)
    values = {("baseline", 0): 0.5, ("baseline", 1): 0.6, ("mixup=on", 0): 0.52}
    values |= {("mixup=on", 1): 0.66, ("mixup=on", 2): 0.9, ("lr=cosine", 0): 0.4}
    records = [record(name, seed, others={top5: value}) for (name, seed), value in values.items()]
    failed = record("mixup=on", 3, None, status=Status.FAILED, others={top5: 0.0})
    rows = {row.name: row.others for row in compare(SMALL, [*records, failed]).rows}
    change = rows["mixup=on"][top5]
    assert change.value == pytest.approx(4.0)
    assert change.spread == pytest.approx(np.std([2.0, 6.0], ddof=1))
    assert rows["lr=cosine"][top5] == Change(pytest.approx(-10.0))
    mixed = [record(n, s, choices={"mixup": "on"}, others={top5: 0.5}) for n, s in values]
    assert other_changes(mixed, records) == {}
