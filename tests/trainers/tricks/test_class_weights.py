"""class_weights: every class counts the same in all, or by its effective number."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.trick import Conflict, NotApplicable
from darkmagic.trainers.tricks.class_weights import (
    BalancedWeights,
    EffectiveNumber,
    balanced_weights,
)
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing, smooth_targets
from darkmagic.trainers.tricks.sampling import Sampling
from pipelines import make_data

CONTRACT = {"data": "uneven"}
CLASSES = torch.tensor([0] * 30 + [1] * 10 + [2] * 2)


def _data(targets: torch.Tensor) -> Data:
    images = torch.zeros(len(targets), 1, 8, 8, dtype=torch.uint8)
    split = Split(images, targets)
    return dataclasses.replace(
        make_data(), train=split, val=split, test=split, classes=("a", "b", "c")
    )


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    """N / (K n), of each class with images; their mean over images is 1."""
    theirs = compute_class_weight("balanced", classes=torch.arange(3).numpy(), y=CLASSES.numpy())
    ours = balanced_weights(torch.bincount(CLASSES))
    assert ours.tolist() == pytest.approx(list(theirs))
    assert float(ours[CLASSES].mean()) == pytest.approx(1)


def test_effective_number_is_between_all_alike_and_balanced() -> None:
    """Beta = 0 leaves classes alike, and beta near 1 is balanced; the mean over images stays 1."""
    data = _data(CLASSES)
    even = EffectiveNumber(beta=0.0).class_weights(data)
    assert even is not None
    assert torch.allclose(even, torch.ones(3))
    near = EffectiveNumber(beta=1 - 1e-9).class_weights(data)
    balanced = BalancedWeights().class_weights(data)
    assert near is not None
    assert balanced is not None
    assert torch.allclose(near, balanced, rtol=1e-3)
    middle = EffectiveNumber(beta=0.9).class_weights(data)
    assert middle is not None
    assert 1 < middle[2] / middle[0] < balanced[2] / balanced[0]
    assert float(middle[CLASSES].mean()) == pytest.approx(1)


def test_weighted_loss_is_the_weighted_mean_of_each_images_loss() -> None:
    """Also beside label smoothing, which has a loss of its own."""
    torch.manual_seed(0)
    data, logits = _data(CLASSES), torch.randn(42, 3)
    targets = F.one_hot(CLASSES, 3).float()
    hooks = Hooks({"w": BalancedWeights(), "s": LabelSmoothing(0.1)}, 0, (), data)
    each = F.cross_entropy(logits, smooth_targets(targets, 0.1), reduction="none")
    weights = balanced_weights(torch.bincount(CLASSES))
    assert torch.allclose(hooks.loss(logits, targets), (weights[CLASSES] * each).mean())
    plain = Hooks({"w": BalancedWeights()}, 0, (), data).loss(logits, targets)
    theirs = F.cross_entropy(logits, CLASSES, weight=weights, reduction="sum") / len(CLASSES)
    assert torch.allclose(plain, theirs)


def test_weights_of_labels_are_pytorchs_pos_weight() -> None:
    """Of several labels an image, an image's own labels count by those without for each with."""
    torch.manual_seed(0)
    labels = (torch.rand(40, 3) < torch.tensor([0.5, 0.2, 0.05])).to(torch.uint8)
    labels[0] = 1
    logits = torch.randn(40, 3)
    data = _data(labels)
    weights = BalancedWeights().class_weights(data)
    has = labels.sum(0).float()
    theirs = F.binary_cross_entropy_with_logits(
        logits, labels.float(), pos_weight=(40 - has) / has, reduction="sum"
    )
    ours = Hooks({"w": BalancedWeights()}, 0, (), data).loss(logits, labels.float())
    assert weights is not None
    assert torch.allclose(ours, theirs / 40, rtol=1e-5)
    with pytest.raises(NotApplicable, match="one label each"):
        Hooks({"w": EffectiveNumber()}, 0, (), data)


def test_weights_beside_sampling_are_refused() -> None:
    """Rare classes would be counted up twice."""
    with pytest.raises(Conflict, match="both count rare classes up"):
        Hooks({"w": BalancedWeights(), "s": Sampling()}, 0)
