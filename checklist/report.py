"""The report of a sweep: its content, and the formats it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from darkmagic.checklist.comparison import Comparison
from darkmagic.checklist.errors import UserError, nearest

__all__ = ["FORMATS", "Report", "percent", "points", "ratio", "write_report"]

FORMATS = ("md", "html", "csv", "json")


@dataclass(frozen=True)
class Report:
    """Everything that a reader is told. `facts` are label and value: versions, machine, commit.
    `next_steps` are what to do now, each with its command.
    """

    title: str
    comparison: Comparison
    facts: Mapping[str, str]
    next_steps: tuple[tuple[str, str], ...] = ()


def write_report(report: Report, form: str) -> str:
    """Return `report` in one of `FORMATS`. Raises `UserError` for another."""
    from darkmagic.checklist import report_data, report_html, report_markdown

    writers: dict[str, Callable[[Report], str]] = {
        "md": report_markdown.to_markdown,
        "html": report_html.to_html,
        "csv": report_data.to_csv,
        "json": report_data.to_json,
    }
    if form not in writers:
        raise UserError(f"no report format {form!r}; " + nearest(form, writers))
    return writers[form](report)


def percent(value: float | None) -> str:
    """Return an accuracy in percent for a table."""
    return "" if value is None else f"{value:.2f}"


def points(value: float | None) -> str:
    """Return a difference in points, with its sign."""
    return "" if value is None else f"{value:+.2f}"


def ratio(value: float | None) -> str:
    """Return a ratio to the baseline."""
    return "" if value is None else f"{value:.2f}x"
