"""The step of a metric, which no spread of runs can be below: of an accuracy, one image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

__all__ = ["precision", "rounding_step", "rounding_variance"]

PRECISION = 1e-11
"""Of the largest value: differences below are rounding errors of double precision."""
MAX_IMAGES = 100_000
"""Accuracies that need more images than this to be fractions of them are taken as continuous."""


def rounding_step(accuracies: Iterable[float]) -> float:
    """Return the step that `accuracies` (percent) are multiples of, in points; 0 if there is none.

    It is that of the fewest images that can give all of them, and never below the true one.

    >>> rounding_step([94.0, 94.1, 94.3]), rounding_step([90 + 2**0.5, 90 + 3**0.5])
    (0.1, 0.0)
    """
    images = 1
    for accuracy in set(accuracies):
        share = Fraction(accuracy / 100).limit_denominator(MAX_IMAGES)
        images = math.lcm(images, share.denominator)
        if images > MAX_IMAGES or abs(float(share) - accuracy / 100) > 1e-9:
            return 0.0
    return 100 / images


def rounding_variance(step: float) -> float:
    """Return what rounding to `step` adds to a variance: step**2 / 12 (Sheppard's correction)."""
    return step**2 / 12


def precision(values: Iterable[float]) -> float:
    """Return the difference of `values` that is a rounding error of double precision.

    >>> precision([1.0, 2.0]), precision([])
    (2e-11, 1e-11)
    """
    return PRECISION * (max(map(abs, values), default=0.0) or 1.0)
