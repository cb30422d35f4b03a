"""The report as one HTML file that needs no network."""

from __future__ import annotations

from darkmagic.checklist.comparison import Interval
from darkmagic.checklist.report import Report, percent, points, ratio

__all__ = ["to_html"]


def to_html(report: Report) -> str:
    """Return a self-contained page, for light and dark, for a phone and for paper."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("darkmagic.checklist"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, points=points, ratio=ratio)
    rows = report.comparison.rows
    ends = [
        abs(end) for row in rows if row.interval for end in (row.interval.low, row.interval.high)
    ]
    reach = max([*ends, *(abs(row.difference) for row in rows if row.difference is not None), 0.01])

    def place(value: float) -> float:
        """Return where a difference stands in a bar 100 wide with 0 in its middle."""
        return round(50 + 48 * value / reach, 2)

    def bar(interval: Interval | None, difference: float | None) -> dict[str, float] | None:
        if difference is None:
            return None
        low, high = (interval.low, interval.high) if interval else (difference, difference)
        return {"low": place(low), "high": place(high), "dot": place(difference)}

    page = environment.get_template("report.html.j2")
    return page.render(
        report=report,
        comparison=report.comparison,
        bars=[bar(row.interval, row.difference) for row in rows],
        reach=reach,
        has_intervals=bool(ends),
    )
