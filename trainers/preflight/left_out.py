"""Which options of the recipe do not apply to its network, and are left out of it."""

from __future__ import annotations

from darkmagic.trainers.hooks import NOT_APPLICABLE
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_left_out"]


def check_left_out(setup: Setup) -> Finding | None:
    """Name the optional tricks that the network was made without; None if it was with all."""
    reasons = {
        trick: edit.removeprefix(NOT_APPLICABLE)
        for trick, edit in setup.edits.items()
        if edit.startswith(NOT_APPLICABLE)
    }
    if not reasons:
        return None
    listed = "; ".join(f"{trick} ({reason})" for trick, reason in reasons.items())
    return Finding(
        "options",
        Level.OK,
        f"the baseline takes the network without what does not apply to it: {listed}",
        figures={"left_out": sorted(reasons)},
        tell=True,
    )
