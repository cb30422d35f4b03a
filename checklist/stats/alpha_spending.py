"""Adding seeds after a look at the table, without more false claims than were promised.

Every look at the verdicts can find a difference by chance. The 5 % are therefore spent
in parts: most on the first look, half of what is left on each later one, so that however many
there are, all of them together stay within 5 % (Bonferroni over looks, that is alpha spending:
Lan & DeMets 1983). A p value of a look is divided by the look's share before it is compared
with 0.05. What a look found stays found, unless later seeds point the other way.
"""

from __future__ import annotations

__all__ = ["ALPHA", "FIRST_SHARE", "share_of_look"]

ALPHA = 0.05
"""The chance of any false claim in a table, over all looks at it."""

FIRST_SHARE = 0.8
"""Of `ALPHA`, what the first look may spend. 1 would leave nothing for adding seeds."""


def share_of_look(look: int) -> float:
    """Return the share of `ALPHA` for `look`, counted from 1; all shares sum to 1."""
    return FIRST_SHARE if look == 1 else (1 - FIRST_SHARE) * 0.5 ** (look - 1)
