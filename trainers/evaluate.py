"""Loss and accuracy of a network on a split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.runtime.device import autocast

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, accuracy in [0, 1], and which images (N,) were right.

    >>> Evaluation(loss=0.35, accuracy=0.5, correct=torch.tensor([True, False])).correct.sum()
    tensor(1)
    """

    loss: float
    accuracy: float
    correct: Tensor  # bool, on the device


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    amp: str,
) -> Evaluation:
    """Evaluate `network` on `batches`, in their order.

    The loss is plain cross-entropy whatever the trick trains on, so that trials compare.
    Sums stay on the device: one synchronisation in all.

    >>> images, classes = torch.eye(2), torch.tensor([0, 1])
    >>> evaluate(nn.Identity(), [(4 * images, classes)], torch.device("cpu"), amp="off").accuracy
    1.0
    """
    was_training = network.training
    network.eval()
    loss = torch.zeros((), device=device)
    correct = []
    for images, classes in batches:
        with autocast(device, amp):
            logits = network(images)
        loss += F.cross_entropy(logits.float(), classes, reduction="sum")
        correct.append(logits.argmax(1) == classes)
    network.train(was_training)
    right = torch.cat(correct)
    loss_sum, correct_sum = torch.stack([loss.double(), right.sum().double()]).tolist()
    return Evaluation(loss_sum / len(right), correct_sum / len(right), right)
