"""A log grid around a number: what `refine` tries."""

from __future__ import annotations

from darkmagic.trainers.declare.kinds import Declared, Kind

__all__ = ["grid_around"]

FACTOR = 2.0
NEAR_ONE = 0.5
"""Above this, a share is refined by what it leaves: 0.999 to 0.9995 and 0.998."""


def grid_around(
    name: str, value: float, declared: Declared | None, *, points: int = 5, factor: float = FACTOR
) -> list[float]:
    """Return `points` numbers around `value`, each `factor` times the one before, in order.

    Those that the field `name` does not take, by its declaration, are left out; so a grid may be
    smaller, and have nothing but `value`. Without a value above 0 there is no grid.

    >>> grid_around("alpha", 0.2, None)
    [0.05, 0.1, 0.2, 0.4, 0.8]
    >>> grid_around("decay", 0.999, Declared(Kind.NUMBER, 0.1, above=0, below=1), points=3)
    [0.998, 0.999, 0.9995]
    """
    if value <= 0:
        return [value]
    steps = [factor ** (index - points // 2) for index in range(points)]
    bounded = declared is not None and 1 in (declared.below, declared.at_most)
    if bounded and NEAR_ONE < value < 1:
        found = [1 - (1 - value) * step for step in reversed(steps)]
    else:
        found = [value * step for step in steps]
    whole = declared is not None and declared.kind is Kind.WHOLE
    rounded = [round(each) if whole else float(f"{each:.4g}") for each in found]
    rounded[points // 2] = value
    return [
        each
        for each in sorted(set(rounded))
        if declared is None or declared.problem(name, each) is None
    ]
