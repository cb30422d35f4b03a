"""Several trained networks as one: their averaged probabilities, and the gain from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.data.assembly.usable import refuse_unusable
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.metrics.values import metric_value, why_no_metric
from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.load_data import load_data
from darkmagic.trainers.prepare.network import make_network
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.device import autocast, pick_device
from darkmagic.trainers.runtime.memory_format import pick_memory_format

__all__ = ["Ensemble", "Quality", "assess", "calibration_error", "evaluate_ensemble", "predict"]

BINS = 15


@dataclass(frozen=True)
class Quality:
    """Accuracy in [0, 1], cross-entropy in nats, expected calibration error in [0, 1].

    `value` is that of the metric that was asked for, such as the accuracy.

    >>> Quality(accuracy=0.9, cross_entropy=0.3, calibration_error=0.02, value=0.9).accuracy
    0.9
    """

    accuracy: float
    cross_entropy: float
    calibration_error: float
    value: float


@dataclass(frozen=True)
class Ensemble:
    """`agreement` is the share of images to which two members give one class, over all pairs.

    >>> members = [torch.tensor([[0.9, 0.1]]), torch.tensor([[0.4, 0.6]])]
    >>> ensemble = evaluate_ensemble(members, torch.tensor([0]))
    >>> [member.accuracy for member in ensemble.members], ensemble.together.accuracy
    ([1.0, 0.0], 1.0)
    """

    members: tuple[Quality, ...]
    together: Quality
    agreement: float


def evaluate_ensemble(
    probabilities: Sequence[Tensor], classes: Tensor, metric: str = "accuracy"
) -> Ensemble:
    """Compare members with their mean. `probabilities` are (N, K) each, `classes` (N,).

    Lakshminarayanan et al. 2017, "Deep ensembles" (arXiv 1612.01474): the mean of probabilities.

    >>> members = [torch.tensor([[0.9, 0.1]]), torch.tensor([[0.4, 0.6]])]
    >>> evaluate_ensemble(members, torch.tensor([0])).agreement
    0.0
    """
    predicted = [p.argmax(1) for p in probabilities]
    pairs = [float((a == b).double().mean()) for a, b in combinations(predicted, 2)]
    return Ensemble(
        members=tuple(assess(p, classes, metric) for p in probabilities),
        together=assess(torch.stack(list(probabilities)).mean(0), classes, metric),
        agreement=sum(pairs) / len(pairs) if pairs else 1.0,
    )


def assess(probabilities: Tensor, classes: Tensor, metric: str = "accuracy") -> Quality:
    """Return how good `probabilities` (N, K), rows summing to 1, are for `classes` (N,).

    `metric` is the name of the one that decides. Raises `ValueError` for one that says nothing of
    so many classes.

    >>> quality = assess(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> quality.accuracy, quality.calibration_error
    (0.5, 0.25)
    """
    right = probabilities.argmax(1) == classes
    logits = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    accuracy, loss = float(right.double().mean()), float(F.nll_loss(logits, classes))
    if why := why_no_metric(metric, probabilities.shape[1], multilabel=False):
        raise ValueError(why)
    plain = {"accuracy": accuracy, "loss": loss}
    return Quality(
        accuracy=accuracy,
        cross_entropy=loss,
        calibration_error=calibration_error(probabilities, classes),
        value=plain[metric] if metric in plain else metric_value(metric, logits, classes),
    )


def calibration_error(probabilities: Tensor, classes: Tensor) -> float:
    """Return the expected calibration error over 15 bins of equal width.

    The mean distance between how sure the largest probability is and how often it is right.
    Guo et al. 2017 (arXiv 1706.04599), equation 3.
    """
    confidence, predicted = probabilities.double().max(1)
    right = (predicted == classes).double()
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, right - confidence)
    return float(gaps.abs().sum() / len(classes))


def predict(
    recipe: Recipe, directory: Path, split: Literal["val", "test"]
) -> tuple[Tensor, Tensor]:
    """Return the predictions of the network trained in `directory` on a split, and the classes.

    Probabilities (N, K), float32, and int64 (N,), both on the CPU. `recipe` is what trained it,
    without what only names the source of its weights. Raises `FileNotFoundError` where there is no
    checkpoint.
    """
    checkpoint = load_checkpoint(directory)
    if checkpoint is None:
        raise FileNotFoundError(f"{directory} has no checkpoint")
    device = pick_device(recipe.device)
    data = load_data(recipe)
    refuse_unusable(data, test=split == "test")
    if data.multilabel:
        raise ValueError("an ensemble is of images with one label each")
    if recipe.folds is not None and split == "val":
        raise ValueError("with folds, runs validate on images of their own: take the test split")
    recipe = edit_recipe(recipe, data)
    hooks = Hooks(recipe.tricks, recipe.seed, recipe.optional, data)
    network = make_network(recipe, data, hooks)
    network.load_state_dict(checkpoint["average"] or checkpoint["model"])
    # As in training: sums in another order would answer otherwise where two classes are close.
    memory_format = pick_memory_format(network, device, channels_last=recipe.channels_last)
    network = network.to(device=device, memory_format=memory_format).eval()  # type: ignore[call-overload]
    channels = input_channels(network) or data.channels
    pipeline = Pipeline(recipe, data, hooks, device, channels, memory_format)
    probabilities, classes = [], []
    for images, targets in pipeline.validation() if split == "val" else pipeline.test():
        with torch.inference_mode(), autocast(device, recipe.amp):
            probabilities.append(network(images).float().softmax(1).cpu())
        classes.append(targets.cpu())
    return torch.cat(probabilities), torch.cat(classes)
