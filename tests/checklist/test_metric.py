"""Metrics other than accuracy: the same verdicts in any unit and direction, in their own words."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.contrast import contrast
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.summary import same_metric, summarise
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import ACCURACY, Direction, Metric
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.track.rules import parse_rules
from records import SMALL, STEADY, report_of, simulated, swept

SCORE = Metric("score")
LOSS = Metric("val_loss", direction=Direction.MIN, decimals=4)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())


def _measured(records: list[TrialRecord], factor: float, offset: float = 0.0) -> list[TrialRecord]:
    """Return runs whose metric is `factor` times their accuracy in percent, plus `offset`."""
    return [
        dataclasses.replace(r, value=offset + factor * 100 * (r.accuracy or 0.0), accuracy=None)
        for r in records
    ]


def _compared(factor: float, metric: Metric, offset: float = 0.0) -> Comparison:
    records = simulated(SMALL, 4, {"lr=cosine": 1.5, "mixup=on": -2.0}, images=None)
    rules = Rules(min_effect=abs(factor) * 0.1, metric=metric)
    return compare(SMALL, _measured(records, factor, offset), rules)


@pytest.mark.parametrize("factor", [1.0, 1e-9, 1e7, -1.0, -1e-6, -3e4])
def test_verdicts_do_not_depend_on_unit_or_direction(factor: float) -> None:
    """Seconds or hours, an error or a score: verdict, p value and standing are the same."""
    plain = _compared(1.0, SCORE)
    direction = Direction.MAX if factor > 0 else Direction.MIN
    other = _compared(factor, Metric("m", direction=direction))
    for one, two in zip(plain.rows, other.rows, strict=True):
        assert one.verdict == two.verdict
        if one.p_value is not None:
            assert two.p_value == pytest.approx(one.p_value, rel=1e-4)
        assert (two.difference or 0.0) == pytest.approx(factor * (one.difference or 0.0), rel=1e-6)
        if one.interval and two.interval and one.outlook and two.outlook:
            ends = sorted((factor * one.interval.low, factor * one.interval.high))
            assert [two.interval.low, two.interval.high] == pytest.approx(ends, rel=1e-3)
            assert two.outlook.helps == pytest.approx(one.outlook.helps, abs=0.02)
            assert two.outlook.gain == pytest.approx(abs(factor) * one.outlook.gain, rel=0.05)


def test_accuracy_and_the_same_figures_as_values_are_judged_alike() -> None:
    """What accuracy gives in percent, a metric of the same numbers gives too."""
    records = simulated(SMALL, 3, {"lr=cosine": 1.5}, images=None)
    one = compare(SMALL, records)
    two = compare(SMALL, _measured(records, 1.0), Rules(metric=Metric("acc", unit="%")))
    assert [row.verdict for row in one.rows] == [row.verdict for row in two.rows]
    assert [row.p_value for row in one.rows] == pytest.approx([row.p_value for row in two.rows])


@pytest.mark.parametrize("form", [*FORMATS, "terminal"])
def test_report_of_a_loss_speaks_of_the_loss(form: str) -> None:
    """No format speaks of accuracy, points or percent where a loss decides."""
    records = _measured(swept(STEADY), -0.01, 1.0)
    comparison = compare(SMALL, records, Rules(min_effect=0.001, metric=LOSS))
    report = dataclasses.replace(
        report_of(records), comparison=comparison, cards={}, curves={}, overrides=None, epochs=None
    )
    if form == "terminal":
        console = Console(width=160, file=io.StringIO(), color_system=None)
        console.print(comparison_view(report, 160))
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
    else:
        text = write_report(report, form)
    assert "val" in text
    assert "loss" in text or form == "csv"
    if form in ("csv", "json"):
        text = re.sub(r"\w+_points|accuracies|val_accuracy_percent", "", text)
    if form == "html":
        text = re.sub(r"<(style|svg|script).*?</\1>", "", text, flags=re.DOTALL)
    assert not re.findall(r"[Aa]ccuracy|\bpoints\b|val %|run, %", text)
    assert "-0.0153" in text or form in ("csv", "json")


def test_lower_is_better_where_the_metric_says_so() -> None:
    """A loss that falls is better, comes first, and is what the advice adopts."""
    records = _measured(swept(STEADY), -0.01, 1.0)
    comparison = compare(SMALL, records, Rules(metric=LOSS, min_effect=0.0))
    by_name = {row.name: row for row in comparison.rows}
    assert by_name["lr=cosine"].verdict == "better"
    assert (by_name["lr=cosine"].difference or 0) < 0
    assert by_name["mixup=on"].verdict == "worse"
    report = dataclasses.replace(report_of(records), comparison=comparison, overrides=None)
    assert any(s.startswith("Adopt lr=cosine (-0.0") for s in report.advice.sentences)
    assert report.advice.steps == ()
    assert any("lower is better" in note for note in report.notes)


def test_json_names_the_metric_and_fits_the_schema() -> None:
    """The fields that name accuracy are empty for another metric, and `value` holds for all."""
    for metric, records in (
        (LOSS, _measured(swept(STEADY), -0.01, 1.0)),
        (ACCURACY, swept(STEADY)),
    ):
        comparison = compare(SMALL, records, Rules(metric=metric))
        report = dataclasses.replace(report_of(records), comparison=comparison)
        content = json.loads(write_report(report, "json"))
        jsonschema.validate(content, SCHEMA)
        assert content["metric"]["name"] == metric.name
        row = content["rows"][1]
        assert row["val_accuracy_percent"] == (row["value"] if metric is ACCURACY else None)


def test_experiments_of_other_metrics_are_not_mixed() -> None:
    """Neither a contrast nor a summary takes a loss for a score."""
    records = simulated(SMALL, 3)
    one = compare(SMALL, records)
    two = compare(SMALL, _measured(records, -0.01, 1.0), Rules(metric=LOSS))
    with pytest.raises(UserError, match=r"compared by validation accuracy and .* by val_loss"):
        contrast(one, two)
    with pytest.raises(UserError, match=r"a is compared by .* and b by val_loss"):
        summarise({"a": one, "b": two})
    assert same_metric({"a": two, "b": two}) is LOSS


def test_summary_and_contrast_of_a_loss_turn_with_it() -> None:
    """The gain of a loss is how much lower it is; a change of a difference is its own."""
    records = simulated(SMALL, 3, {"lr=cosine": 1.5}, images=None)
    score = compare(SMALL, records)
    loss = compare(SMALL, _measured(records, -1.0, 100.0), Rules(metric=LOSS))
    gains = [{s.name: s for s in summarise({"a": c})}["lr=cosine"] for c in (score, loss)]
    assert gains[1].gain == pytest.approx(gains[0].gain)
    assert gains[1].improvement == pytest.approx(gains[0].improvement)
    assert contrast(loss, loss)[0].first == pytest.approx(-(contrast(score, score)[0].first or 0))


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        (Metric("a", decimals=3), 0.12345, ("0.123", "+0.123", "0.123")),
        (Metric("s", unit="s", decimals=0), 61.6, ("62", "+62", "62 s")),
        (Metric("m", unit="%", decimals=1), -0.04, ("0.0", "+0.0", "0.0 points")),
        (Metric("tiny", decimals=12), 1.23456e-10, ("1.23e-10", "+1.23e-10", "1.23e-10")),
    ],
)
def test_numbers_are_shown_with_the_metric_s_decimals(
    metric: Metric, value: float, shown: tuple[str, str, str]
) -> None:
    """Values, differences and amounts have its decimals, and the unit where they stand alone."""
    assert (metric.value(value), metric.difference(value), metric.amount(value)) == shown


def test_metric_survives_json_and_directions_have_many_names() -> None:
    """What is written to a store is what is read, and `maximize` is `max`."""
    assert Metric.from_dict(json.loads(json.dumps(LOSS.to_dict()))) == LOSS
    assert Direction.parse(" Minimize") is Direction.MIN
    with pytest.raises(UserError, match="no direction 'mix'; did you mean min or max"):
        Direction.parse("mix")


def test_rules_with_a_metric_survive_the_store_of_a_sweep() -> None:
    """A sweep's tag keeps the metric that it was judged by; older tags have accuracy's."""
    rules = Rules(min_effect=0.01, metric=LOSS)
    assert parse_rules(json.dumps(dataclasses.asdict(rules))) == rules
    assert parse_rules('{"min_effect": 0.2}').metric == ACCURACY
