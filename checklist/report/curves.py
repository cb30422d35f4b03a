"""How a trial trained, epoch by epoch, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "curve", "scaled", "thinned"]


@dataclass(frozen=True)
class Curve:
    """Mean, lowest and highest over seeds at each of `epochs`, counted from 1."""

    epochs: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def curve(series: Sequence[Mapping[int, float]]) -> Curve | None:
    """Return the curve of several runs' values by epoch; None where there are none."""
    epochs = sorted({epoch for run in series for epoch in run})
    if not epochs:
        return None
    at_epoch = [np.array([run[epoch] for run in series if epoch in run]) for epoch in epochs]
    return Curve(
        np.array(epochs),
        np.array([values.mean() for values in at_epoch]),
        np.array([values.min() for values in at_epoch]),
        np.array([values.max() for values in at_epoch]),
    )


def scaled(values: Curve, factor: float) -> Curve:
    """Return `values` times `factor`, in the unit of a metric."""
    return Curve(values.epochs, factor * values.mean, factor * values.low, factor * values.high)


def thinned(values: Curve, most: int = 120) -> Curve:
    """Return `values` at no more than `most` epochs, the first and the last among them."""
    if len(values.epochs) <= most:
        return values
    kept = np.unique(np.linspace(0, len(values.epochs) - 1, most).round().astype(int))
    return Curve(values.epochs[kept], values.mean[kept], values.low[kept], values.high[kept])
