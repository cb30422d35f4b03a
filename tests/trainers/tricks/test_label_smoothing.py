"""label_smoothing: the targets and the loss against their definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing, smooth_targets

CONTRACT = {"changes": ["loss", "update"]}


def _one_hot(classes: list[int], count: int) -> torch.Tensor:
    return F.one_hot(torch.tensor(classes), count).float()


def test_smoothing_is_the_articles() -> None:
    """`1 - eps` on the true class, `eps / (K - 1)` on each other one."""
    smoothed = smooth_targets(_one_hot([2, 0], 5), 0.1)
    expected = torch.full((2, 5), 0.1 / 4)
    expected[0, 2] = expected[1, 0] = 0.9
    assert torch.allclose(smoothed, expected)


@pytest.mark.parametrize(("eps", "classes"), [(0.0, 10), (0.1, 10), (0.2, 3)])
def test_minimum_loss_is_the_entropy_of_the_targets(eps: float, classes: int) -> None:
    """Minimised over the logits, the loss comes to what theory gives, and no lower."""
    logits = torch.zeros(1, classes, requires_grad=True)
    target = _one_hot([0], classes)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(800):
        optimizer.zero_grad()
        loss = LabelSmoothing(eps).loss(logits, target)
        loss.backward()
        optimizer.step()
    entropy = 0.0
    if eps:
        entropy = -(1 - eps) * math.log(1 - eps) - eps * math.log(eps / (classes - 1))
    assert loss.item() == pytest.approx(entropy, abs=2e-3)


def test_smoothing_differs_from_pytorchs_as_the_card_says() -> None:
    """PyTorch spreads eps over all K classes; at eps K / (K - 1) of ours the two agree."""
    logits = torch.randn(8, 10, generator=generator(0, "logits"))
    classes = torch.arange(8)
    ours = LabelSmoothing(0.1).loss(logits, F.one_hot(classes, 10).float())
    assert ours != F.cross_entropy(logits, classes, label_smoothing=0.1)
    theirs = F.cross_entropy(logits, classes, label_smoothing=0.1 * 10 / 9)
    assert torch.allclose(ours, theirs)


def test_two_losses_conflict() -> None:
    """And the message names both tricks."""
    with pytest.raises(ValueError, match="a and b both give loss"):
        Hooks({"a": LabelSmoothing(), "b": LabelSmoothing()}, seed=0)
