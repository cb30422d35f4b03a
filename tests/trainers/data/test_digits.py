"""scikit-learn's digits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from darkmagic.trainers.data.digits import Digits


def test_digits_are_those_of_scikit_learn() -> None:
    """Every image and class of scikit-learn's digits is in exactly one of the three splits."""
    reference = load_digits()
    data = Digits().load(0)
    parts = (data.train, data.val, data.test)
    assert sum(len(part) for part in parts) == 1797
    ours = sorted(
        (int(t), i.flatten().tolist())
        for p in parts
        for i, t in zip(p.images, p.targets, strict=True)
    )
    pixels = np.rint(reference.images.reshape(-1, 64) * 255 / 16).astype(int)
    theirs = sorted((int(t), i.tolist()) for i, t in zip(pixels, reference.target, strict=True))
    assert ours == theirs
