"""Metrics against scikit-learn's, on generated logits and labels, plain and awkward."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from darkmagic.trainers.metrics.names import METRICS, OURS
from darkmagic.trainers.metrics.values import metric_value, why_no_metric, why_no_value

RANKED = [name for name in METRICS if name not in OURS]
GENERATED = [(seed, classes) for seed, classes in enumerate((2, 3, 7, 12, 7))]


def _classes(seed: int, classes: int, images: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits that know something, with ties, and classes of very different sizes."""
    rng = torch.Generator().manual_seed(seed)
    odds = torch.linspace(1, 8, classes)
    truth = torch.multinomial(odds, images, replacement=True, generator=rng)
    truth[:classes] = torch.arange(classes)
    noise = torch.randn(images, classes, generator=rng)
    return (noise + torch.nn.functional.one_hot(truth, classes)).round(decimals=1), truth


def _sk_of_classes(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    def value(logits: np.ndarray, truth: np.ndarray) -> float:
        one_hot = np.eye(logits.shape[1])[truth]
        scores = torch.tensor(logits).softmax(1).numpy()
        predicted = logits.argmax(1)
        return {
            "balanced_accuracy": lambda: sk.balanced_accuracy_score(truth, predicted),
            "macro_f1": lambda: sk.f1_score(truth, predicted, average="macro"),
            "auroc": lambda: np.mean(
                [sk.roc_auc_score(t, s) for t, s in zip(one_hot.T, scores.T, strict=True)]
            ),
            "map": lambda: np.mean(
                [sk.average_precision_score(t, s) for t, s in zip(one_hot.T, scores.T, strict=True)]
            ),
            "top5": lambda: float(
                np.mean([t in np.argsort(-row)[:5] for t, row in zip(truth, logits, strict=True)])
            ),
        }[name]()

    return value


@pytest.mark.parametrize(("seed", "classes"), GENERATED)
@pytest.mark.parametrize("name", RANKED)
def test_metric_of_classes_is_that_of_scikit_learn(name: str, seed: int, classes: int) -> None:
    """Of one label an image, each metric is what scikit-learn computes."""
    if why_no_metric(name, classes, multilabel=False):
        pytest.skip("it says nothing there")
    logits, truth = _classes(seed, classes)
    if name == "top5":  # ties are broken either way
        logits = logits + torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) / 50
    theirs = _sk_of_classes(name)(logits.numpy(), truth.numpy())
    assert metric_value(name, logits, truth) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(("seed", "labels"), [(0, 1), (1, 2), (2, 6)])
@pytest.mark.parametrize("name", [name for name in RANKED if name != "top5"])
def test_metric_of_labels_is_that_of_scikit_learn(name: str, seed: int, labels: int) -> None:
    """Of several labels an image, also of one that may be absent, it is scikit-learn's too."""
    rng = torch.Generator().manual_seed(seed)
    truth = (torch.rand(80, labels, generator=rng) < 0.3).long()
    logits = (torch.randn(80, labels, generator=rng) + truth).round(decimals=1)
    given = (logits > 0).long().numpy()
    columns = list(zip(truth.numpy().T, given.T, logits.sigmoid().numpy().T, strict=True))
    theirs = {
        "balanced_accuracy": lambda t, g, _: sk.balanced_accuracy_score(t, g),
        "macro_f1": lambda t, g, _: sk.f1_score(t, g),
        "auroc": lambda t, _, s: sk.roc_auc_score(t, s),
        "map": lambda t, _, s: sk.average_precision_score(t, s),
    }[name]
    expected = np.mean([theirs(*column) for column in columns])
    assert metric_value(name, logits, truth) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1", "auroc", "map"])
def test_class_without_images_is_left_out(name: str) -> None:
    """A class that no validation image has changes no mean, and gives no warning."""
    logits, truth = _classes(3, 4)
    logits[:, 3] = -9.0
    kept = truth != 3
    with_it = metric_value(name, logits[kept], truth[kept])
    without = metric_value(name, logits[kept][:, :3], truth[kept])
    assert with_it == pytest.approx(without, abs=1e-4)


@pytest.mark.parametrize("name", RANKED)
def test_metric_of_logits_that_are_not_finite_is_none(name: str) -> None:
    """Nothing is said of a network that diverged."""
    logits, truth = _classes(0, 7)
    logits[3, 2] = math.nan
    assert math.isnan(metric_value(name, logits, truth))


@pytest.mark.parametrize("name", ["auroc", "map", "balanced_accuracy"])
def test_labels_that_all_or_none_have_are_refused(name: str) -> None:
    """Where no label tells images apart there is an error, rather than a perfect or a bad value."""
    truth = torch.tensor([[1, 0], [1, 0]])
    with pytest.raises(ValueError, match=f"metric={name} has no value"):
        metric_value(name, torch.zeros(2, 2), truth)


TRUTHS = {
    "classes": torch.tensor([0, 1, 2, 1, 0]),
    "a class is missing": torch.tensor([0, 2, 2, 6, 0]),
    "one class": torch.full((5,), 6),
    "one image": torch.tensor([3]),
    "labels": torch.eye(5, 7).long(),
    "one label": torch.tensor([[1], [0], [1]]),
    "every label": torch.ones(5, 7).long(),
    "no label": torch.zeros(5, 7).long(),
    "labels of one image": torch.tensor([[1, 0, 1]]),
    "a label of all": torch.tensor([[1, 0], [1, 0], [1, 0]]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("name", RANKED)
def test_metric_without_a_value_is_known_from_the_labels_alone(name: str, truth: str) -> None:
    """Before a network is trained; every other has a finite value, without a warning."""
    labels = TRUTHS[truth]
    classes = labels.shape[1] if labels.ndim == 2 else 7
    if why_no_metric(name, classes, multilabel=labels.ndim == 2):
        return
    logits = torch.randn(len(labels), classes, generator=torch.Generator().manual_seed(0))
    if why_no_value(name, labels):
        with pytest.raises(ValueError, match=f"metric={name} has no value"):
            metric_value(name, logits, labels)
    else:
        assert 0 <= metric_value(name, logits, labels) <= 1
