"""What a script expects of the verdicts, and which trials are not so."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.errors import UserError, nearest

__all__ = ["Expectation", "misses"]


class Expectation(StrEnum):
    """What is expected, from the weakest to the strongest claim.

    >>> Expectation.parse("better") is Expectation.BETTER
    True
    """

    NO_WORSE = "no-worse"
    """No trial is proved worse; each was tested."""
    ANY_BETTER = "any-better"
    """At least one trial is proved better."""
    NON_INFERIOR = "non-inferior"
    """Each trial is proved to lose less than the smallest effect that matters."""
    EQUIVALENT = "equivalent"
    """Each trial is proved to differ by less than the smallest effect that matters."""
    BETTER = "better"
    """Each trial is proved better."""

    @classmethod
    def parse(cls, text: str) -> Expectation:
        """Return the expectation called `text`; raise `UserError` with the nearest."""
        try:
            return cls(text)
        except ValueError:
            raise UserError(f"--expect {text!r}: " + nearest(text, list(cls))) from None


TESTED = (
    Verdict.BETTER,
    Verdict.WORSE,
    Verdict.NO_PRACTICAL_DIFFERENCE,
    Verdict.UNDECIDED,
    Verdict.INERT,
)
NEEDS_MIN_EFFECT = (Expectation.NON_INFERIOR, Expectation.EQUIVALENT)


def misses(
    comparison: Comparison, expectation: Expectation, trials: Sequence[str] = ()
) -> list[Row]:
    """Return the rows that are not as expected, of all trials or of `trials` alone.

    A trial that failed, or that could not be tested, is never as expected.
    """
    asked = [_named(comparison, name) for name in trials]
    if expectation in NEEDS_MIN_EFFECT and not comparison.rules.min_effect:
        raise UserError(f"--expect {expectation} needs --min-effect, the smallest that matters")
    rows = [row for row in comparison.tricks if not asked or row in asked]
    missed = [row for row in rows if not _is_so(comparison, row, expectation)]
    if expectation is Expectation.ANY_BETTER and len(missed) < len(rows):
        return []
    return missed


def _named(comparison: Comparison, name: str) -> Row:
    """Return the row called `name`, or the only one whose option that is: `x` of `name=x`."""
    rows = comparison.tricks
    found = [row for row in rows if row.name == name] or [r for r in rows if r.option == name]
    if len(found) != 1:
        names = [row.name for row in rows]
        raise UserError(f"--of {name!r}: there is no such trial; " + nearest(name, names))
    return found[0]


def _is_so(comparison: Comparison, row: Row, expectation: Expectation) -> bool:
    least, metric = comparison.rules.min_effect, comparison.metric
    if row.verdict not in TESTED:
        return False
    if expectation is Expectation.NO_WORSE:
        return row.verdict is not Verdict.WORSE
    if expectation in (Expectation.BETTER, Expectation.ANY_BETTER):
        return row.verdict is Verdict.BETTER
    if row.interval is None:
        return row.verdict is Verdict.INERT
    gains = sorted((metric.gain(row.interval.low), metric.gain(row.interval.high)))
    if expectation is Expectation.NON_INFERIOR:
        return gains[0] > -least
    return -least < gains[0] and gains[1] < least
