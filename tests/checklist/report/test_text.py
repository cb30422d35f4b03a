"""The picture in characters: whatever the rows are, it is aligned and says what they say."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.scale import LONGER, reach_of, text_bar
from darkmagic.checklist.report.write import write_report
from darkmagic.text import columns
from records import HOSTILE, SMALL, hostile_report, report_of, simulated

GAINS = [
    {},
    {"lr=cosine": 1.5, "mixup=on": -2.0},
    {"lr=cosine": 30.0},
    {"mixup=on": -0.01, "stem=relu": 0.01},
]


@pytest.mark.parametrize("gains", GAINS, ids=str)
@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_every_row_is_drawn_where_its_difference_is(gains: dict[str, float], seeds: int) -> None:
    """Each row has its difference, interval and verdict, and its mark on the side of its sign."""
    report = report_of(simulated(SMALL, seeds, gains))
    lines = write_report(report, "txt").splitlines()
    head = next(line for line in lines if line.strip().startswith("-") and " 0 " in line)
    zero = head.index(" 0 ") + 1
    for row in report.rows[1:]:
        (line,) = (line for line in lines if line.startswith(f"{row.name} "))
        assert row.verdict_text in line
        assert report.comparison.metric.difference(row.difference) in line
        mark = line.index("o", len(row.name))
        assert row.difference is not None
        steps = round(row.difference / reach_of(report.rows) * 15)
        assert mark - zero == steps
        assert line[zero] in ("|", "o")
    assert f"val % {report.rows[0].accuracy:.2f}" in lines[-1]


def test_bar_is_cut_off_with_arrows() -> None:
    """An interval that reaches further than the picture ends in arrows."""
    row = report_of(simulated(SMALL, 3, {"lr=cosine": 1.0})).rows[1]
    assert row.interval is not None
    wide = text_bar(row, max(abs(row.interval.low), abs(row.interval.high)) * 2, 31)
    assert "<" not in wide
    assert ">" not in wide
    narrow = text_bar(row, 1e-6, 31)
    assert len(narrow) == 31
    assert ">" in narrow or narrow.endswith("o")


def test_hostile_and_long_names_do_not_break_the_picture() -> None:
    """A long name has a line of its own, and no control character is left in any."""
    long = Checklist("mine", (Trick("x" * 60, "s", ("off", "on")), SMALL.tricks[0]))
    lines = write_report(report_of(simulated(long, 3), long), "txt").splitlines()
    (index,) = (i for i, line in enumerate(lines) if line == f"{'x' * 60}=on")
    assert "o" in lines[index + 1]
    text = write_report(hostile_report(), "txt")
    assert "failed" in text
    assert HOSTILE not in text or HOSTILE.isprintable()
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    "name", ["\u5b66\u4e60\u7387", "gr\u00f6\u00dfere Rate \u03b7", "e\u0301te\u0301"]
)
@pytest.mark.parametrize("decimals", [2, 7])
def test_columns_stand_below_each_other_in_any_script(name: str, decimals: int) -> None:
    """Chinese takes two columns a letter, and small or large figures more than usual."""
    mine = Checklist("mine", (Trick(name, "s", ("off", "on")), SMALL.tricks[0]))
    runs = simulated(mine, 3, {"lr=cosine": 1.5})
    records = [dataclasses.replace(run, value=run.accuracy) for run in runs]
    rules = Rules(metric=Metric("mse", scale=1e-6, decimals=decimals), min_effect=0.0)
    report = Report("mine", compare(mine, records, rules), facts={})
    lines = [line for line in write_report(report, "txt").splitlines() if "=" in line]
    verdicts = {row.name: row.verdict_text for row in report.rows[1:]}
    ends = {columns(line.removesuffix(verdicts[line.split("  ")[0]])) for line in lines}
    assert len(lines) == 2
    assert len(ends) == 1


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 4))
@settings(max_examples=8, deadline=None)
def test_only_intervals_much_longer_than_the_others_are_cut(
    seed: int, tricks: int, seeds: int
) -> None:
    """Every difference fits, and an interval that goes a little further than they do."""
    rng = random.Random(seed)
    mine = Checklist("c", tuple(Trick(f"t{n}", "s", ("off", "on")) for n in range(tricks)))
    gains = {f"t{n}=on": rng.gauss(0, 2) for n in range(tricks)}
    rows = report_of(simulated(mine, seeds, gains), mine).comparison.tricks
    reach = reach_of(rows)
    assert all(abs(row.difference or 0.0) < reach for row in rows)
    ends = [max(abs(r.interval.low), abs(r.interval.high)) for r in rows if r.interval]
    largest = max(abs(row.difference or 0.0) for row in rows)
    assert all(end < reach for end in ends if end <= LONGER * largest)
    assert reach <= 1.05 * max([*ends, largest, 0.01]) + 1e-9
