"""The value of a metric from the logits of a whole split."""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.metrics.names import METRICS, MIN_CLASSES, OURS

__all__ = ["metric_value", "why_no_metric", "why_no_value"]

NOTHING_LEFT = "metric={} has no value: of no label are there images with it and images without"


def why_no_metric(name: str, classes: int, *, multilabel: bool) -> str:
    """Return why `name` says nothing of data of so many classes; empty where it does.

    >>> why_no_metric("top5", 3, multilabel=False)
    'metric=top5 is 100 % of any network where there are 3 classes; take metric=accuracy'
    >>> why_no_metric("map", 3, multilabel=True)
    ''
    """
    if multilabel and name == "top5":
        return "metric=top5 is of images with one label each; take metric=map"
    if classes < MIN_CLASSES.get(name, 0):
        return (
            f"metric={name} is 100 % of any network where there are {classes} classes; "
            "take metric=accuracy"
        )
    return ""


def why_no_value(name: str, truth: Tensor) -> str:
    """Return why `name` has no value on images with these classes (N,) or labels (N, K); empty
    where it has one, whatever a network answers.

    >>> why_no_value("auroc", torch.tensor([1, 1])), why_no_value("macro_f1", torch.tensor([1, 1]))
    ('all of its images are of one class', '')
    """
    if truth.ndim == 1:
        alone = name in ("auroc", "map") and not bool((truth != truth[:1]).any())
        return "all of its images are of one class" if alone else ""
    if name == "macro_f1":
        return "" if bool(truth.any()) else "no image of it has a label"
    if name in ("auroc", "map", "balanced_accuracy") and not bool(_defined(truth).any()):
        return "each label is of all of its images, or of none"
    return ""


def metric_value(name: str, logits: Tensor, truth: Tensor) -> float:
    """Return the metric `name` of `logits` (N, K), in [0, 1].

    `truth` is the classes (N,), int64, or the labels (N, K) of images with several, 0 or 1, of
    which the network gives those with a logit above 0. Classes that no image has, and labels that
    all or none have, where a metric is not defined, are left out of its mean. torchmetrics
    computes it. NaN where a logit is not finite. Raises `ValueError` where nothing is left.

    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    >>> classes = torch.tensor([0, 0, 0, 1])
    >>> metric_value("balanced_accuracy", logits, classes), metric_value("auroc", logits, classes)
    (1.0, 1.0)
    """
    if name in OURS or name not in METRICS:
        raise ValueError(f"no metric {name!r} of logits")
    logits = logits.float()
    if not bool(torch.isfinite(logits).all()):
        return float("nan")
    if truth.ndim == 1:
        return _of_classes(name, logits, truth)
    return _of_labels(name, logits, truth.long())


def _of_classes(name: str, logits: Tensor, classes: Tensor) -> float:
    from torchmetrics.functional import classification as tm  # noqa: PLC0415 (takes seconds)

    count = logits.shape[1]
    if name == "top5":
        return float(tm.multiclass_accuracy(logits, classes, count, top_k=5, average="micro"))
    if name in ("auroc", "map"):
        one_hot = torch.nn.functional.one_hot(classes, count)
        return _ranked(name, logits.softmax(1), one_hot)
    present = torch.bincount(classes, minlength=count) > 0
    predicted = logits.argmax(1)
    if name == "balanced_accuracy":
        recalls = tm.multiclass_recall(predicted, classes, count, average="none")
        return _mean(recalls[present])
    scores = tm.multiclass_f1_score(predicted, classes, count, average="none")
    return _mean(scores[present])


def _of_labels(name: str, logits: Tensor, truth: Tensor) -> float:
    from torchmetrics.functional import classification as tm  # noqa: PLC0415 (takes seconds)

    if name in ("auroc", "map"):
        return _ranked(name, logits.sigmoid(), truth)
    chosen = _defined(truth) if name == "balanced_accuracy" else truth.bool().any(0)
    given, truth = (logits[:, chosen] > 0).long(), truth[:, chosen]
    count = truth.shape[1]
    if not count:
        raise ValueError(NOTHING_LEFT.format(name))
    if name == "macro_f1":
        scores = _each(tm.multilabel_f1_score if count > 1 else tm.binary_f1_score, given, truth)
        return _mean(scores)
    recalls = _each(tm.multilabel_recall if count > 1 else tm.binary_recall, given, truth)
    rejects = _each(tm.multilabel_recall if count > 1 else tm.binary_recall, 1 - given, 1 - truth)
    return _mean((recalls + rejects) / 2)


def _ranked(name: str, scores: Tensor, truth: Tensor) -> float:
    """Return the mean over labels of how well `scores` (N, K) rank the images that have each."""
    from torchmetrics.functional import classification as tm  # noqa: PLC0415 (takes seconds)

    chosen = _defined(truth)
    scores, truth = scores[:, chosen], truth[:, chosen]
    if not truth.shape[1]:
        raise ValueError(NOTHING_LEFT.format(name))
    metrics = {
        "auroc": (tm.binary_auroc, tm.multilabel_auroc),
        "map": (tm.binary_average_precision, tm.multilabel_average_precision),
    }
    return _mean(_each(metrics[name][truth.shape[1] > 1], scores, truth))


def _mean(values: Tensor) -> float:
    """Return the mean in float64, on the host: Apple's devices have none."""
    return float(values.cpu().double().mean())


def _each(metric: object, given: Tensor, truth: Tensor) -> Tensor:
    """Return `metric` of each label: torchmetrics' of several takes no single one."""
    assert callable(metric)
    if truth.shape[1] == 1:
        return torch.as_tensor(metric(given[:, 0], truth[:, 0])).reshape(1)
    return torch.as_tensor(metric(given, truth, truth.shape[1], average="none"))


def _defined(truth: Tensor) -> Tensor:
    """Return which labels (K,) some images have and others have not."""
    return truth.bool().any(0) & ~truth.bool().all(0)
