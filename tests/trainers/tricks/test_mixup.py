"""mixup: the loss and the draws against the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.mixup import Mixup, mix

CONTRACT = {"changes": ["batches", "loss", "update"]}


def _one_hot(classes: list[int], count: int) -> torch.Tensor:
    return F.one_hot(torch.tensor(classes), count).float()


def test_mixup_loss_is_the_papers() -> None:
    """Lambda times one cross-entropy plus 1 - lambda times the other."""
    rng = generator(0, "mixup")
    images, logits = torch.randn(6, 1, 4, 4, generator=rng), torch.randn(6, 5, generator=rng)
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    order = torch.tensor([5, 4, 3, 2, 1, 0])
    mixed, targets = mix(images, F.one_hot(classes, 5).float(), 0.3, order)
    assert torch.allclose(mixed, 0.3 * images + 0.7 * images[order], atol=1e-6)
    expected = 0.3 * F.cross_entropy(logits, classes) + 0.7 * F.cross_entropy(
        logits, classes[order]
    )
    assert torch.allclose(Trick().loss(logits, targets), expected)


def test_mixup_draws_from_beta() -> None:
    """Over many batches lambda has the moments of Beta(alpha, alpha)."""
    trick, targets = Mixup(alpha=0.2), _one_hot([0, 1], 2)
    drawn = []
    for seed in range(3000):
        _, mixed = trick.transform_batch(torch.zeros(2, 1, 1, 1), targets, generator(seed, "m"))
        if mixed[0, 0] != 1:  # a pair that was mixed with each other
            drawn.append(mixed[0, 0].item())
    assert len(drawn) > 1000
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.03)
    assert np.var(drawn) == pytest.approx(1 / (4 * (2 * 0.2 + 1)), abs=0.02)
