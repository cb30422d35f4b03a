"""What is claimed of each row over all looks: difference, interval and p value of one look."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

if TYPE_CHECKING:
    from darkmagic.checklist.stats.effects import Effect, Effects

__all__ = ["Claim", "Estimate", "claims_at", "claims_up_to", "over_looks"]

Estimate = Callable[[int | None], "Effects"]
"""From a look, or None for all there is, to the effects."""


@dataclass(frozen=True)
class Claim:
    """A row as `look` saw it; what one look gives belongs together.

    `p_value` is adjusted for the rows and for the look's share of the error rate. `interval`, of
    gains, leaves out 0 where the p value is below 5 %, and holds with those of all rows at 95 %.
    `contradicts` is an earlier look that claimed the other direction; 0 if there is none.
    """

    look: int
    effect: Effect | None = None
    p_value: float | None = None
    interval: tuple[float, float] | None = None
    contradicts: int = 0

    @property
    def direction(self) -> int:
        """1 or -1 if this look claims a difference, else 0."""
        if self.effect is None or self.p_value is None or self.p_value >= ALPHA:
            return 0
        return 1 if self.effect.difference > 0 else -1


def claims_at(
    look: int, effects: Effects, testable: Sequence[bool], *, gains_only: bool = False
) -> list[Claim]:
    """Return what `look` says of every row, the baseline first. Rows that are not `testable`
    keep their difference and count among the tests. With `gains_only` no loss is claimed.
    """
    from darkmagic.checklist.stats.step_down import test_together

    share = share_of_look(look)
    trials = [index if ok else None for index, ok in enumerate(testable)][1:]
    tested = [None, *test_together(effects, trials, ALPHA * share)]
    claims = [
        Claim(
            look,
            effects.by_trial.get(index),
            min(1.0, test.p_value / share) if test else None,
            test.interval if test else None,
        )
        for index, test in enumerate(tested)
    ]
    return [_without_loss(claim) for claim in claims] if gains_only else claims


def _without_loss(claim: Claim) -> Claim:
    """Return `claim` as a test of a gain alone: the interval of a loss reaches up to 0 at least."""
    if claim.effect is None or claim.interval is None or claim.effect.difference > 0:
        return claim
    low, high = claim.interval
    return dataclasses.replace(claim, p_value=1.0, interval=(low, max(high, 0.0)))


def over_looks(claims: Sequence[Claim]) -> Claim:
    """Return what holds of one row, given what each look said of it in their order.

    What a look found stays found, with that look's figures, although later looks have less to
    spend. Unless the last look's difference has the other sign: then the last look counts.
    """
    last = claims[-1]
    if last.effect is None:
        return last
    ahead = 1 if last.effect.difference > 0 else -1
    contrary = [claim.look for claim in claims if claim.direction == -ahead]
    if contrary:
        return dataclasses.replace(last, contradicts=contrary[-1])
    found = [claim for claim in claims if claim.direction == ahead]
    return found[-1] if found else last


def claims_up_to(
    last: int, estimate: Estimate, testable: Sequence[bool], *, gains_only: bool
) -> tuple[Effects, list[Claim]]:
    """Return the effects at look `last`, and what holds of each row over all looks up to it.

    Before the first look is complete its figures are shown, and nothing is claimed.
    """
    effects = estimate(last or None)
    looks = [effects if look == last else estimate(look) for look in range(1, last + 1)] or [
        effects
    ]
    seen = [
        claims_at(look, found, testable, gains_only=gains_only)
        for look, found in enumerate(looks, start=1)
    ]
    return effects, [over_looks(claims) for claims in zip(*seen, strict=True)]
