"""What one trial came to."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Result", "count_flops", "count_parameters", "median_step_seconds"]


@dataclass(frozen=True)
class Result:
    """The content of `result.json`. `status` is finished, diverged, failed, skipped or
    not_applicable; figures are None where the trial did not reach them.

    >>> Result("skipped", "no file of weights").as_dict()["val_accuracy"] is None
    True
    """

    status: str
    reason: str = ""
    val_accuracy: float | None = None  # in [0, 1], after the last epoch
    val_loss: float | None = None  # nats
    val_images: int | None = None
    classes: int | None = None  # None where an image may have several labels
    commonest: float | None = None  # share of the validation images that are of the commonest class
    guessing_loss: float | None = None  # the training loss of logits that are all alike
    test_accuracy: float | None = None  # in [0, 1]; only where the recipe asks for it
    metric: str = ""  # the name of the one that decides; of both splits, as `val_accuracy` is
    val_metric: float | None = None
    test_metric: float | None = None
    train_loss: float | None = None  # of the last epoch, as trained on
    epochs: int = 0  # trained
    step_seconds: float | None = None
    wall_seconds: float | None = None
    train_seconds: float | None = None  # inside training steps, of wall_seconds
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    flops: int | None = None  # of one image's forward pass, a multiply-add counting as 2
    pretrained_share: float | None = None  # of the pretrained tensors, in use; in [0, 1]
    device: str = ""
    edits: str = ""  # JSON: by trick, how many places it edited, or why it was left out
    stepping: str = ""  # eager or graph, compiled or not, and why
    torch: str = str(torch.__version__)  # its own class would import torch when unpickled

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dataclasses.asdict(self)


def median_step_seconds(history: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median over epochs of seconds a step; the first warms up, so it counts
    only when it is alone.
    """
    steady = history[1:] or history
    return statistics.median(e["seconds"] / e["steps"] for e in steady) if steady else None


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers the network trains."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@torch.no_grad()
def count_flops(network: nn.Module, example: Tensor) -> int:
    """Return the FLOPs of one image's forward pass of matrix products and convolutions."""
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 (slow to import)

    was_training = network.training
    network.eval()
    with FlopCounterMode(display=False) as counter:
        network(example[:1])
    network.train(was_training)
    return int(counter.get_total_flops())
