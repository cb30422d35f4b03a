"""Sampling error of the validation set: what other images of the same source would change.

Both trials see the same images, so most of what makes an image hard cancels in a difference.
What is left is the images' own variance of the differences, apart from the noise of training,
which the linear model counts already: a two-way table, images by seeds, with random effects of
both (Searle, Casella & McCulloch 1992, "Variance Components", section 4.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["image_error"]


def image_error(
    own: Mapping[int, NDArray[np.bool_]], baseline: Mapping[int, NDArray[np.bool_]]
) -> float | None:
    """Return the standard error, in points, that the choice of images adds to a difference.

    Both map a seed to which images (N,) were right. Seeds that both have are paired; with a
    single one the noise of training cannot be separated and is included. None where no seed is
    shared, or the sets of images differ.
    """
    seeds = sorted(own.keys() & baseline.keys())
    if not seeds or len({len(own[s]) for s in seeds} | {len(baseline[s]) for s in seeds}) > 1:
        return None
    differences = np.stack([own[s].astype(float) - baseline[s] for s in seeds])
    runs, images = differences.shape
    if images < 2:
        return None
    of_images = float(differences.mean(0).var(ddof=1))
    if runs > 1:
        centred = differences - differences.mean(0) - differences.mean(1, keepdims=True)
        centred += differences.mean()
        noise = float((centred**2).sum()) / ((runs - 1) * (images - 1))
        of_images = max(0.0, of_images - noise / runs)
    return 100 * math.sqrt(of_images / images)
