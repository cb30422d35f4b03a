"""Tables in which a single run, image or look must not decide what is said of the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict, judge
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.notes.table import table_notes
from darkmagic.checklist.runs.floor import nothing_learnt
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from records import SMALL, STEADY, record, report_of, swept


def _row(comparison: Comparison, name: str) -> Row:
    return next(row for row in comparison.rows if row.name == name)


def _runs(table: np.ndarray) -> list[Run]:
    return [Run(t, s, float(v)) for t, values in enumerate(table) for s, v in enumerate(values)]


def _unstable(table: np.ndarray) -> set[int]:
    """Return the tricks of `table` (rows, seeds), the baseline first, that are marked unstable."""
    effects = estimate_effects(_runs(table)).by_trial
    return {trial for trial, effect in effects.items() if effect.unstable}


def _at_look(records: list[TrialRecord], look: int, first_seed: int) -> list[TrialRecord]:
    return [dataclasses.replace(r, look=look, seed=first_seed + r.seed) for r in records]


FIRST = {"baseline": [90, 90.02, 90.01], "lr=cosine": [90.5, 90.52, 90.5]}
LATER = {
    "withdrawn": ({"baseline": [90, 90.01, 90.02], "lr=cosine": [87, 88.1, 89.9]}, 1),
    "turned": ({"baseline": [90, 90.01, 90.02], "lr=cosine": [80, 80.01, 80.03]}, 1),
    "confirmed": ({"baseline": [90, 90.01, 90.02], "lr=cosine": [90.5, 90.51, 90.5]}, 0),
    "kept": ({"baseline": [90, 90.01, 90.02], "lr=cosine": [90.5, 91.9, 89.3]}, 0),
}


@pytest.mark.parametrize("case", LATER)
def test_sign_interval_and_p_belong_together(case: str) -> None:
    """Whatever later seeds say, a claimed row's interval leaves out 0 on the side of its sign."""
    later, contradicts = LATER[case]
    comparison = compare(SMALL, [*swept(FIRST), *_at_look(swept(later), 2, 3)])
    row = _row(comparison, "lr=cosine")
    assert row.difference is not None
    assert row.interval is not None
    assert row.p_value is not None
    assert row.interval.low <= row.difference <= row.interval.high
    claimed = row.verdict in (Verdict.BETTER, Verdict.WORSE)
    assert claimed == (row.p_value < 0.05) == (not row.interval.low < 0 < row.interval.high)
    assert (row.verdict is Verdict.BETTER) == (claimed and row.difference > 0)
    assert row.contradicts == contradicts
    notes = " ".join(table_notes(comparison))
    assert ("look 1 called it better" in notes) == bool(contradicts)
    assert ("decided at look 1" in notes) == (case == "kept")


def test_a_claim_that_later_seeds_turn_round_is_undecided_again() -> None:
    """Better at the first look and far below at the second is neither better nor worse."""
    later, _ = LATER["withdrawn"]
    first = compare(SMALL, swept(FIRST))
    assert _row(first, "lr=cosine").verdict is Verdict.BETTER
    both = compare(SMALL, [*swept(FIRST), *_at_look(swept(later), 2, 3)])
    assert _row(both, "lr=cosine").verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "accuracies",
    [
        {"baseline": [94.0, 94.0], **{f"own={i}": [94.0, 94.0] for i in range(12)}}
        | {"own=12": [94.0, 94.1], "own=13": [94.1, 94.0]},
        {"baseline": [94.0, 94.0, 94.1], **{f"own={i}": [94.0, 94.0, 94.0] for i in range(6)}},
    ],
)
@pytest.mark.parametrize("images", [1000, None])
def test_one_image_makes_nothing_unstable(
    accuracies: dict[str, list[float]], images: int | None
) -> None:
    """Runs that agree to the image say nothing of how far others may spread."""
    records = swept(accuracies, lambda r: dataclasses.replace(r, images=images))
    comparison = compare(SMALL, records)
    assert not comparison.effects.baseline_unstable
    assert not any(row.unstable for row in comparison.rows)


def test_coarse_accuracies_make_few_rows_unstable() -> None:
    """With a spread of 0.04 points and a step of 0.1, at most 1 % of rows are marked."""
    rng = np.random.default_rng(0)
    marked = 0
    for _ in range(25):
        marked += len(_unstable(np.round(rng.normal(94.0, 0.04, (16, 2)), 1)))
    assert marked <= 0.01 * 25 * 15


def test_small_tables_see_a_gain_beside_a_wild_row() -> None:
    """The wild row is marked, and the others are judged as if it were not there."""
    wild = {"baseline": [90, 90.1, 90.0], "lr=cosine": [92, 92.1, 92.0], "mixup=on": [95, 70, 60]}
    comparison = compare(SMALL, swept(wild))
    assert _row(comparison, "mixup=on").unstable
    assert _row(comparison, "lr=cosine").verdict is Verdict.BETTER


@pytest.mark.parametrize(("rows", "seeds"), [(3, 2), (4, 2), (2, 3), (4, 3)])
def test_a_fallen_run_hides_no_gain_in_a_small_table(rows: int, seeds: int) -> None:
    """One run of one trick falls by 10 points: it is found out in most tables."""
    rng = np.random.default_rng(rows)
    flagged = 0
    for _ in range(20):
        table = rng.normal(90, 0.2, (rows + 1, seeds))
        table[1] += 1.0
        table[2, 0] -= 10.0
        flagged += 2 in _unstable(table)
        assert 1 not in _unstable(table)
    assert flagged >= 10


def test_few_stable_rows_are_marked() -> None:
    """Where all spread alike, a small table marks a row by chance in 2 % of tables at most."""
    rng = np.random.default_rng(1)
    marked = 0
    for _ in range(100):
        marked += bool(_unstable(rng.normal(90, 0.2, (4, 3))))
    assert marked <= 5


def test_an_unstable_row_is_judged_by_its_own_spread() -> None:
    """All runs far below all of the baseline's are worse, and the row is marked as unstable."""
    rng = np.random.default_rng(2)
    table = {f"own={i}": list(rng.normal(98, 0.6, 5)) for i in range(12)}
    table["optimizer=adam"] = [84.99, 85.54, 88.38, 81.64, 82.76]
    comparison = compare(SMALL, swept({"baseline": [98.89, 98.05, 97.77, 97.77, 99.16], **table}))
    row = _row(comparison, "optimizer=adam")
    assert row.unstable
    assert row.verdict_text == "worse, unstable"
    assert row.p_value is not None
    assert row.p_value < 0.05
    assert any("judged by its own spread" in note for note in table_notes(comparison))
    undecided = compare(
        SMALL,
        swept(
            {
                "baseline": [98.0, 98.1, 97.9],
                "own=a": [99, 90, 100],
                **{f"own={i}": list(rng.normal(98, 0.1, 3)) for i in range(4)},
            }
        ),
    )
    assert _row(undecided, "own=a").verdict_text == "no difference detected, unstable"


def test_intervals_agree_with_verdicts() -> None:
    """An interval leaves out 0 exactly where the row is claimed, over random tables."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        table = rng.normal(90, 0.2, (10, 4)) + rng.choice([0, 0.3, 0.6], 10)[:, None]
        names = ["baseline", *(f"own={i}" for i in range(9))]
        for row in compare(SMALL, swept(dict(zip(names, table, strict=True)))).tricks:
            assert row.interval is not None
            assert row.own_interval is not None
            outside = not row.interval.low < 0 < row.interval.high
            assert outside == (row.verdict in (Verdict.BETTER, Verdict.WORSE))
            assert row.interval.high - row.own_interval.low > 0


def test_no_practical_difference_is_said_only_where_all_intervals_hold() -> None:
    """Effects exactly at the bound are called none in at most 5 % of tables."""
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(80):
        table = rng.normal(90, 0.02, (11, 3))
        table[1:] += 0.1
        claims = claims_at(1, estimate_effects(_runs(table)), [True] * 11)[1:]
        said = [judge({Status.FINISHED: 3}, c, min_effect=0.1, waiting=False) for c in claims]
        false += Verdict.NO_PRACTICAL_DIFFERENCE in said
    assert false <= 80 * (0.05 + 2.5 * (0.05 * 0.95 / 80) ** 0.5)


FAILED = {"status": Status.FAILED, "accuracy": None, "reason": "OSError: disk"}


def _failing(*names: str) -> list[TrialRecord]:
    return [
        dataclasses.replace(r, **FAILED) if any(r.name.startswith(n) for n in names) else r
        for r in swept(STEADY)
    ]


def test_a_failed_baseline_is_named_not_luck() -> None:
    """Where all of its runs failed, the advice says so and speaks of no single runs."""
    advice = report_of(_failing("baseline")).advice
    assert "The baseline has no result (OSError: disk)" in advice.alarm
    assert "luck" not in advice.alarm + " ".join(advice.sentences)


def test_failed_tricks_are_named_not_single_runs() -> None:
    """Where no trick has a result, neither notes nor advice speak of single runs."""
    report = report_of(_failing("lr", "mixup", "stem"))
    assert "No trick has a result" in report.advice.alarm
    assert "OSError: disk" in report.advice.alarm
    assert "One run a trick" not in " ".join(report.notes)
    assert report.advice.steps


def test_one_baseline_run_at_chance_counts_as_failed_and_is_named() -> None:
    """The floor holds for the others too; only a baseline that never learns switches it off."""

    def collapsed(r: TrialRecord) -> TrialRecord:
        low = (r.name, r.seed) in (("baseline", 0), ("lr=cosine", 1))
        return dataclasses.replace(r, accuracy=0.1 if low else r.accuracy, classes=10)

    comparison = compare(SMALL, swept(STEADY, collapsed))
    assert _row(comparison, "baseline").verdict_text == "baseline, 1 of 3 failed: learned nothing"
    assert _row(comparison, "lr=cosine").verdict_text == "1 of 3 failed: learned nothing"
    assert any("1 of 3 failed" in note for note in table_notes(comparison))


@pytest.mark.parametrize(
    ("accuracy", "commonest", "classes", "learnt"),
    [(0.57, 0.54, 2, False), (0.62, 0.54, 2, True), (0.108, 0.1, 10, False), (0.13, 0.1, 10, True)],
)
def test_a_little_more_than_the_commonest_class_is_not_learnt(
    accuracy: float, commonest: float, classes: int, *, learnt: bool
) -> None:
    """By a tenth of what is right by guessing, as for the floor, however many images there are."""
    fields = {"commonest": commonest, "classes": classes, "images": 50_000}
    found = nothing_learnt([record("baseline", 0, accuracy, **fields)])
    assert (found is None) == learnt


def test_means_that_are_not_the_difference_are_explained() -> None:
    """With more runs of the baseline, differences are between runs of the same seeds."""
    paired = {**STEADY, "baseline": [90.0, 92.2, 87.9, 95.0, 94.0]}
    paired |= {n: [b + 0.1 for b in paired["baseline"][:3]] for n in STEADY if n != "baseline"}
    notes = " ".join(table_notes(compare(SMALL, swept(paired))))
    assert "not the difference of the means" in notes
    assert "not the difference of the means" not in " ".join(
        table_notes(compare(SMALL, swept(STEADY)))
    )
