"""Which options to adopt: the best of each trick, proved or probable."""

from __future__ import annotations

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict

__all__ = ["probable", "winners"]


def winners(comparison: Comparison) -> dict[str, str]:
    """Return the best option of each trick that has one better than the baseline's."""
    best: dict[str, Row] = {}
    for row in comparison.having(Verdict.BETTER):
        assert row.trick is not None
        before = best.get(row.trick)
        gains = [comparison.metric.gain((r and r.difference) or 0.0) for r in (row, before)]
        if before is None or gains[0] > gains[1]:
            best[row.trick] = row
    return {trick: row.option or "" for trick, row in best.items()}


def probable(comparison: Comparison) -> list[Row]:
    """Return the undecided rows that probably help, the best of each trick, largest gain first.

    Not of tricks with an option that is proved better, and only where the gain to expect is no
    smaller than the smallest effect that matters.
    """
    taken = set(winners(comparison))
    best: dict[str, tuple[float, Row]] = {}
    for row in comparison.having(Verdict.UNDECIDED):
        outlook = row.outlook
        if outlook is None or row.trick is None or row.trick in taken:
            continue
        if outlook.probably_helps and outlook.gain >= comparison.rules.min_effect:
            before = best.get(row.trick)
            if before is None or outlook.gain > before[0]:
                best[row.trick] = (outlook.gain, row)
    return [row for _, row in sorted(best.values(), key=lambda found: -found[0])]
