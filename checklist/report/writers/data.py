"""The report for programs: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from darkmagic.checklist.compare.costs import COSTS
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.content import Report

__all__ = ["SCHEMA", "rows_of", "runs_of", "to_csv", "to_json"]

SCHEMA = 3
"""Version of docs/report.schema.json; raised when a field changes its meaning or is removed."""


def rows_of(report: Report) -> list[dict[str, Any]]:
    """Return the fields of each trial, those of docs/report.schema.json, as plain values."""
    return [_flat(report, row) for row in report.rows]


def runs_of(report: Report) -> list[dict[str, Any]]:
    """Return trial, trick, option and seed of each finished run, and its value: the accuracy in
    percent, or the metric that decides in its unit.
    """
    metric = report.comparison.metric
    value = "val_accuracy_percent" if metric.is_accuracy else metric.name
    return [
        {
            "trial": row.name,
            "trick": row.trick,
            "option": row.option,
            "seed": seed,
            value: accuracy,
        }
        for row in report.rows
        for seed, accuracy in row.accuracies.items()
    ]


def to_csv(report: Report) -> str:
    """Return a line a trial, with a header; several runs' values are separated by spaces."""
    rows = rows_of(report)
    form = ".4f" if report.comparison.metric.is_accuracy else ".10g"
    for row in rows:
        row["edits"] = "; ".join(f"{trick}: {edit}" for trick, edit in row["edits"].items())
        row["rates"] = " ".join(f"{name}={factor:.4g}" for name, factor in row["rates"].items())
        row["rates_not_retuned"] = " ".join(row["rates_not_retuned"])
        row["accuracies"] = " ".join(f"{value:{form}}" for value in row["accuracies"].values())
        row["published"] = "; ".join(f"{p['points']:+.2f} {p['source']}" for p in row["published"])
        row.pop("runs")
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    is_formula = isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{value}" if is_formula else value


def to_json(report: Report) -> str:
    """Return the complete report in the format of docs/report.schema.json."""
    comparison, metric = report.comparison, report.comparison.metric
    effects = comparison.effects
    content = {
        "schema": SCHEMA,
        "title": report.title,
        "metric": {
            "name": metric.name,
            "unit": metric.unit,
            "difference_unit": metric.points,
            "direction": metric.direction.value,
        },
        "rows": rows_of(report),
        "model": {
            "tests": len(comparison.tricks),
            "look": comparison.look,
            "waiting_runs": comparison.waiting,
            "spread_points": effects.spread,
            "degrees_of_freedom": effects.df,
            "seeds_are_blocks": effects.blocked,
            "seed_correlation": effects.seed_correlation,
            "prior_degrees_of_freedom": effects.prior_df
            if math.isfinite(effects.prior_df)
            else None,
            "min_effect_points": comparison.rules.min_effect,
            "floor": comparison.rules.floor,
            "validation_images": comparison.images,
        },
        "advice": [text for text in (report.advice.alarm, *report.advice.sentences) if text],
        "next_steps": [{"why": why, "command": command} for why, command in report.advice.steps],
        "notes": report.notes,
        "facts": dict(report.facts),
    }
    return json.dumps(content, indent=2) + "\n"


def _flat(report: Report, row: Row) -> dict[str, Any]:
    outlook, collapse, metric = row.outlook, row.collapse, report.comparison.metric
    costs: dict[str, float | None] = {}
    for name in COSTS:
        ratio = row.ratios[name]
        costs[f"{name}_ratio"] = ratio.value if ratio else None
        costs[f"{name}_ratio_spread"] = ratio.spread if ratio else None
    return {
        "trial": row.name,
        "section": row.section,
        "trick": row.trick,
        "option": row.option,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "runs": {status.value: count for status, count in row.statuses.items()},
        "accuracies": {} if row.stands_in else {str(s): v for s, v in row.accuracies.items()},
        "value": row.accuracy,
        "val_accuracy_percent": row.accuracy if metric.is_accuracy else None,
        "difference_points": row.difference,
        "interval_low": row.interval.low if row.interval else None,
        "interval_high": row.interval.high if row.interval else None,
        "own_interval_low": row.own_interval.low if row.own_interval else None,
        "own_interval_high": row.own_interval.high if row.own_interval else None,
        "standard_error": row.error,
        "p_adjusted": row.p_value,
        "missable_points": row.minimum_detectable,
        "own_spread_points": row.spread,
        "unstable": row.unstable,
        "look": row.look,
        "contradicted_look": row.contradicts or None,
        "expected_gain_points": outlook.gain if outlook else None,
        "expected_gain_low": outlook.low if outlook else None,
        "expected_gain_high": outlook.high if outlook else None,
        "probability_helps": outlook.helps if outlook else None,
        "probability_best_of_trick": outlook.best if outlook else None,
        "probability_unbeaten": row.front,
        "collapsed_runs": collapse.collapsed if collapse else 0,
        "gain_without_collapses_points": collapse.gain if collapse else None,
        "image_error_points": row.image_error,
        **costs,
        "unbeaten": row.on_pareto_front,
        "pretrained_share": row.pretrained_share,
        "edits": dict(row.edits),
        "rates": dict(row.rates),
        "rates_not_retuned": list(row.untuned),
        "published": [
            {"points": p.points, "setting": p.setting, "source": p.source}
            for p in report.published(row)
        ],
        "reproduce": report.reproduce.get(row.name, ""),
    }
