"""Loss and accuracy of a network on a split."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.device import autocast

__all__ = ["evaluate"]


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    amp: str,
) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy in [0, 1] over `batches`.

    The loss is plain cross-entropy whatever the trick trains on, so that trials compare.
    Sums stay on the device: one synchronisation in all.
    """
    was_training = network.training
    network.eval()
    loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device)
    images_seen = 0
    for images, classes in batches:
        with autocast(device, amp):
            logits = network(images)
        loss += F.cross_entropy(logits.float(), classes, reduction="sum")
        correct += (logits.argmax(1) == classes).sum()
        images_seen += len(classes)
    network.train(was_training)
    mean_loss, accuracy = (torch.stack([loss, correct]) / images_seen).tolist()
    return mean_loss, accuracy
