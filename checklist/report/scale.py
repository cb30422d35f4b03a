"""How large effects are: how far a picture of them reaches, and what could be there unseen."""

from __future__ import annotations

from collections.abc import Sequence

from darkmagic.checklist.compare.rows import Row

__all__ = ["hidden_effect", "reach_of", "text_bar"]

SHARE_IN_REACH = 0.8
"""The share of intervals that fit whatever their length."""
LONGER = 1.5
"""Times as far as those a longer one may reach and still fit; others are cut off, with an arrow."""


def reach_of(rows: Sequence[Row]) -> float:
    """Return the largest distance from zero to show: every difference fits."""
    differences = [abs(row.difference) for row in rows if row.difference is not None]
    ends = sorted(max(abs(r.interval.low), abs(r.interval.high)) for r in rows if r.interval)
    usual = ends[int(SHARE_IN_REACH * (len(ends) - 1))] if ends else 0.0
    needed = max([*differences, usual])
    return 1.05 * (max([needed, *(end for end in ends if end <= LONGER * needed)]) or 0.01)


def text_bar(row: Row, reach: float, width: int) -> str:
    """Return the difference of `row` and its interval around zero in `width` characters, odd.

    `o` is the difference and `|` zero; arrows say where the interval is cut off. Single runs have
    no interval. Empty without a difference.
    """
    if row.difference is None:
        return ""
    half = width // 2

    def index(value: float) -> int:
        return half + round(max(-1.0, min(1.0, value / reach)) * half)

    cells = [" "] * width
    low, high = (row.interval.low, row.interval.high) if row.interval else (row.difference,) * 2
    for cell in range(index(low), index(high) + 1):
        cells[cell] = "-"
    if low < -reach:
        cells[0] = "<"
    if high > reach:
        cells[-1] = ">"
    cells[half] = "|"
    cells[index(row.difference)] = "o"
    return "".join(cells).rstrip()


def hidden_effect(rows: Sequence[Row]) -> float | None:
    """Return the largest effect that `rows` could have and not show; None if that is not known.

    Unstable rows, which could hide much more, count only where all are.
    """
    usual = [row for row in rows if not row.unstable] or rows
    missed = [row.minimum_detectable for row in usual if row.minimum_detectable is not None]
    return max(missed, default=None)
