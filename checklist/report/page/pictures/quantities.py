"""The main picture of what does not decide: costs, and other metrics that the runs have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from darkmagic.checklist.compare.costs import TITLES
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.pictures.axis import Axis

__all__ = ["Quantity", "quantities_of"]

SAME = 0.005
"""Ratios that are all nearer to 1 than this are no picture."""


@dataclass(frozen=True)
class Quantity:
    """A quantity, as the page's script takes it.

    `rows` have, by name, where a row's mean is, less and plus its standard deviation over seeds,
    in percent of the width, and the mean as text. `zero` is where the baseline is, `ticks` are
    places and labels.
    """

    title: str
    head: str
    note: str
    zero: float
    ticks: tuple[tuple[float, str], ...]
    rows: Mapping[str, tuple[float, float, float, str]]


def quantities_of(report: Report) -> list[Quantity]:
    """Return the pictures that there are; rows without a value are in none of them."""
    rows = report.comparison.tricks
    metrics = dict.fromkeys(metric for row in rows for metric in row.others)
    found = [_of_metric(metric, rows) for metric in metrics]
    for name, title in TITLES.items():
        known = {row.name: ratio for row in rows if (ratio := row.ratios[name]) is not None}
        if any(abs(ratio.value - 1) > SAME for ratio in known.values()):
            spans = {n: (r.value, r.spread or 0.0, f"{r.value:.2f}x") for n, r in known.items()}
            note = f"{title[0].upper()}{title[1:]} as a ratio to the baseline's"
            found.append(_quantity(title, "ratio", note, 1.0, spans))
    return found


def _of_metric(metric: Metric, rows: Iterable[Row]) -> Quantity:
    known = {row.name: row.others[metric] for row in rows if metric in row.others}
    spans = {n: (c.value, c.spread or 0.0, metric.difference(c.value)) for n, c in known.items()}
    lower = "; lower is better" if metric.sign < 0 else ""
    note = f"Difference from the baseline in {metric.phrase}{lower}"
    return _quantity(metric.name, "difference", note, 0.0, spans)


def _quantity(
    title: str, head: str, note: str, zero: float, spans: Mapping[str, tuple[float, float, str]]
) -> Quantity:
    reach = 1.05 * max(abs(mean - zero) + spread for mean, spread, _ in spans.values()) or 0.01
    axis = Axis(zero - reach, zero + reach)
    spread = any(spread for _, spread, _ in spans.values())
    lines = " Lines are one standard deviation over seeds to either side." if spread else ""
    return Quantity(
        title,
        head,
        f"{note}.{lines} It decides nothing: colours and order stay those of the verdicts.",
        axis.at(zero),
        tuple(
            (tick.at, f"{tick.label}x" if head == "ratio" else tick.label)
            for tick in axis.ticks(7, signed=head != "ratio")
        ),
        {
            name: (axis.at(mean - spread), axis.at(mean), axis.at(mean + spread), text)
            for name, (mean, spread, text) in spans.items()
        },
    )
