"""From when on what stands out from the residuals of a screen is a finding."""

from __future__ import annotations

__all__ = ["MIN_CHECKING_DF", "SUSPICIOUS"]

SUSPICIOUS = 0.05
"""The p value below which it is one, adjusted for all that was looked at."""
MIN_CHECKING_DF = 3
"""Degrees of freedom that the spread needs which a residual or a pair is held against: of fewer it
is small by luck so often that what stands out from it is no finding."""
