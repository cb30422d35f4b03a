"""The report for programs: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from darkmagic.checklist.comparison import Row
from darkmagic.checklist.report import Report

__all__ = ["SCHEMA", "to_csv", "to_json"]

SCHEMA = 1
"""Raised when a field of the JSON changes its meaning or goes away."""


def to_csv(report: Report) -> str:
    """Return a line a trial, with a header."""
    rows = [_flat(row) for row in report.comparison.rows]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_json(report: Report) -> str:
    """Return everything, accuracies by seed included."""
    content = {
        "schema": SCHEMA,
        "title": report.title,
        "seeds": list(report.comparison.seeds),
        "rows": [
            {**_flat(row), "accuracies": {str(s): a for s, a in row.accuracies.items()}}
            for row in report.comparison.rows
        ],
        "notes": list(report.comparison.notes),
        "facts": dict(report.facts),
    }
    return json.dumps(content, indent=2) + "\n"


def _flat(row: Row) -> dict[str, Any]:
    return {
        "trial": row.name,
        "section": row.section,
        "trick": row.trick,
        "option": row.option,
        "status": row.status,
        "reason": row.reason,
        "val_accuracy_percent": row.accuracy,
        "difference_points": row.difference,
        "interval_low": row.interval.low if row.interval else None,
        "interval_high": row.interval.high if row.interval else None,
        **{f"{name}_ratio": value for name, value in row.ratios.items()},
        "pretrained_share": row.pretrained_share,
    }
