"""How far a picture of differences reaches, so that one wild interval does not flatten it."""

from __future__ import annotations

from collections.abc import Sequence

from darkmagic.checklist.compare.rows import Row

__all__ = ["reach_of"]

SHARE_IN_REACH = 0.8
"""The share of intervals that fit; longer ones are cut off, with an arrow."""


def reach_of(rows: Sequence[Row]) -> float:
    """Return the largest distance from zero to show: every difference fits."""
    differences = [abs(row.difference) for row in rows if row.difference is not None]
    ends = sorted(max(abs(r.interval.low), abs(r.interval.high)) for r in rows if r.interval)
    usual = ends[int(SHARE_IN_REACH * (len(ends) - 1))] if ends else 0.0
    return 1.05 * (max([*differences, usual]) or 0.01)
