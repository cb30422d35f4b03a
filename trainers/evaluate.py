"""Loss, accuracy and the metric that decides, of a network on a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.metrics.names import OURS
from darkmagic.trainers.metrics.plain import is_right, plain_loss
from darkmagic.trainers.metrics.values import metric_value
from darkmagic.trainers.runtime.device import autocast
from darkmagic.trainers.runtime.processes import processes

__all__ = ["Evaluation", "beating", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, accuracy in [0, 1], and which images (N,) were right.

    `value` is that of the metric that was asked for, such as the accuracy.

    >>> found = Evaluation(loss=0.35, accuracy=0.5, correct=torch.tensor([True, False]), value=0.5)
    >>> found.correct.sum()
    tensor(1)
    """

    loss: float
    accuracy: float
    correct: Tensor  # bool, on the device
    value: float


def beating(
    batches: Iterable[tuple[Tensor, Tensor]], beat: Callable[[], None]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `batches`, and call `beat` with each: a pass over a large split is no silence.

    >>> list(beating([(1, 2)], lambda: print("alive")))
    alive
    [(1, 2)]
    """
    for batch in batches:
        beat()
        yield batch


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    amp: str,
    metric: str = "accuracy",
    beat: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Evaluate `network` on `batches`, in their order, with their classes (B,) or labels (B, K).

    The loss is plain cross-entropy whatever the trick trains on, so that trials compare; of images
    with several labels it is the sum of each label's, and an image is right if all of them are.
    `beat` is called with each batch. Sums stay on the device: one synchronisation in all, and one
    of a metric that needs all logits.

    >>> images, classes = torch.eye(2), torch.tensor([0, 1])
    >>> evaluate(nn.Identity(), [(4 * images, classes)], torch.device("cpu"), amp="off").accuracy
    1.0
    """
    was_training = network.training
    network.eval()
    loss = torch.zeros((), device=device)
    correct, kept = [], []
    them = processes()
    for images, truth in beating(batches, beat):
        own = them.own(len(images)) if len(images) >= them.count > 1 else slice(None)
        with autocast(device, amp):
            logits = network(images[own])
        if own.stop is not None:
            logits = them.gather(logits, len(images))
        loss += plain_loss(logits.float(), truth, reduction="sum")
        correct.append(is_right(logits, truth))
        if metric not in OURS:
            kept.append((logits, truth))
    network.train(was_training)
    right = torch.cat(correct)
    loss_sum, correct_sum = _both(loss, right.sum())
    mean_loss, accuracy = loss_sum / len(right), correct_sum / len(right)
    if metric in OURS:
        return Evaluation(mean_loss, accuracy, right, mean_loss if metric == "loss" else accuracy)
    value = metric_value(metric, *(torch.cat(each) for each in zip(*kept, strict=True)))
    return Evaluation(mean_loss, accuracy, right, value)


def _both(loss: Tensor, count: Tensor) -> tuple[float, int]:
    """Return a float32 and an int64 of the device, exactly and in one copy.

    By the bits of the first: float64, which holds both, is on no device of Apple's.
    """
    bits, number = torch.stack([loss.view(torch.int32).long(), count]).tolist()
    return torch.tensor(bits, dtype=torch.int32).view(torch.float32).item(), number
