"""Averaged predictions: against sklearn, the definition, and what training itself said."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.ensemble import assess, calibration_error, evaluate_ensemble, predict
from darkmagic.trainers.metrics.names import METRICS
from darkmagic.trainers.metrics.plain import plain_loss
from darkmagic.trainers.metrics.values import metric_value
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.auxiliary_loss import AuxiliaryLoss
from darkmagic.trainers.tricks.ema import Ema
from training import AMP


def _draw(images: int = 500, classes: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(images, classes, generator=rng)
    return logits.softmax(1), torch.randint(classes, (images,), generator=rng)


def test_quality_is_sklearns_and_the_definitions() -> None:
    """Cross-entropy, accuracy, and the calibration error bin by bin."""
    probabilities, classes = _draw()
    found = assess(probabilities, classes)
    exact = probabilities.double() / probabilities.double().sum(1, keepdim=True)
    reference = log_loss(classes.numpy(), exact.numpy())
    assert found.cross_entropy == pytest.approx(reference, rel=1e-5)
    assert found.accuracy == float((probabilities.argmax(1) == classes).double().mean())
    confidence, predicted = (t.numpy() for t in probabilities.max(1))
    right = predicted == classes.numpy()
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert found.calibration_error == pytest.approx(expected, abs=1e-6)


def test_a_calibrated_network_has_no_calibration_error() -> None:
    """Right as often as it is sure; and one that is always sure is off by its errors."""
    probabilities = torch.tensor([[0.75, 0.25]]).repeat(400, 1)
    classes = (torch.arange(400) % 4 == 0).long()
    assert calibration_error(probabilities, classes) == pytest.approx(0.0)
    sure = torch.tensor([[1.0, 0.0]]).repeat(400, 1)
    assert calibration_error(sure, classes) == pytest.approx(0.25)


@pytest.mark.parametrize("name", METRICS)
def test_value_is_that_of_the_metric_that_decides(name: str) -> None:
    """Of each member and of the averaged probabilities, as training computes it from logits."""
    rng = torch.Generator().manual_seed(1)
    logits = [3 * torch.randn(200, 7, generator=rng) for _ in range(3)]
    classes = torch.randint(7, (200,), generator=rng)
    found = evaluate_ensemble([each.softmax(1) for each in logits], classes, name)
    together = torch.stack([each.softmax(1) for each in logits]).mean(0).log()
    for quality, network in zip((*found.members, found.together), (*logits, together), strict=True):
        own = {"accuracy": quality.accuracy, "loss": float(plain_loss(network, classes))}
        expected = own[name] if name in own else metric_value(name, network, classes)
        assert quality.value == pytest.approx(expected, abs=1e-6)


def test_metric_that_says_nothing_of_so_few_classes_is_refused() -> None:
    """Of four classes the five likeliest are all."""
    probabilities, classes = _draw()
    with pytest.raises(ValueError, match="metric=top5 is 100 % of any network where there are 4"):
        evaluate_ensemble([probabilities], classes, "top5")


def test_members_are_averaged_and_compared_pair_by_pair() -> None:
    """By hand: three members on two images."""
    a = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    b = torch.tensor([[0.2, 0.8], [0.4, 0.6]])
    c = torch.tensor([[0.8, 0.2], [0.8, 0.2]])
    found = evaluate_ensemble([a, b, c], torch.tensor([0, 1]))
    assert [m.accuracy for m in found.members] == [1.0, 0.5, 0.5]
    assert found.together.accuracy == 0.5  # means 0.63 and 0.53 of class 0
    assert found.agreement == pytest.approx((0.5 + 0.5 + 0.0) / 3)


@pytest.mark.parametrize(
    "tricks", [{}, {"ema": Ema()}, {"auxiliary_loss": AuxiliaryLoss()}], ids=["plain", "ema", "aux"]
)
def test_predictions_are_those_of_the_trained_network(
    tmp_path: Path, tricks: dict[str, Trick]
) -> None:
    """Their accuracy is what training ended with, to the image; the test split has its own."""
    build = partial(SmallResNet, depth=8, width=8)
    recipe = Recipe(
        Shapes(count=200),
        build,
        tricks,
        epochs=2,
        batch_size=16,
        device="cpu",
        amp=AMP,
        test_set=True,
    )
    result = train(recipe, tmp_path)
    for split, accuracy in (("val", result.val_accuracy), ("test", result.test_accuracy)):
        probabilities, classes = predict(recipe, tmp_path, split)  # type: ignore[arg-type]
        assert assess(probabilities, classes).accuracy == accuracy
        assert probabilities.sum(1) == pytest.approx(torch.ones(len(classes)))
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        predict(recipe, tmp_path / "nowhere", "val")
