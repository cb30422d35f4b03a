"""Lightning's Trainer at its barest, on torchvision's loader and transforms."""

from __future__ import annotations

import logging
import time
import warnings
from functools import partial

import torch
from lightning import LightningModule, Trainer
from plain_loop import loader
from task import (
    DEVICE,
    LR,
    MOMENTUM,
    accuracy_of,
    cosine,
    network,
    parameter_groups,
    synchronize,
    work,
)
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from harness.machine import versions
from harness.serving import serve

warnings.filterwarnings("ignore", module="lightning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(LightningModule):
    """The network, its loss, and a clock that starts after the first batch of the last epoch."""

    def __init__(self, depth: int, *, channels_last: bool, steps: int, seed: int = 0) -> None:
        super().__init__()
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self.net = network(depth, seed).to(memory_format=self._layout)
        self._steps = steps
        self.images, self.started, self.seconds = 0, 0.0, 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, targets = batch
        return F.cross_entropy(self.net(images.contiguous(memory_format=self._layout)), targets)

    def configure_optimizers(self) -> dict[str, object]:
        groups = parameter_groups(self.net)
        optimizer = torch.optim.SGD(groups, LR, momentum=MOMENTUM, nesterov=True)
        factor = partial(cosine, steps=self._steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_batch_end(self, _: object, batch: tuple[Tensor, Tensor], place: int) -> None:
        if place == 0:
            synchronize()
            self.images, self.started = 0, time.perf_counter()
        else:
            self.images += len(batch[0])

    def on_train_epoch_end(self) -> None:
        synchronize()
        self.seconds = time.perf_counter() - self.started


def _trainer(epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        barebones=True,
        accelerator="gpu" if DEVICE.type == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed" if DEVICE.type == "cuda" else "32-true",
    )


_loaders: dict[str, object] = {}


def rate(
    depth: int, count: int, batch: int, augmentation: str, workers: int, channels_last: bool
) -> dict[str, float]:
    """Return images/s of an epoch after its first batch, and how many it trained."""
    key = f"{count} {batch} {augmentation} {workers}"
    if key not in _loaders:
        _loaders.clear()
        _loaders[key] = loader(count, batch, augmentation, workers)
    module = Classifier(depth, channels_last=channels_last, steps=10**6)
    _trainer(1).fit(module, _loaders[key])
    return {
        "rate": module.images / module.seconds,
        "images": module.images + batch,
        **work(module.net),
    }


def accuracy(depth: int, count: int, batch: int, epochs: int, seed: int) -> float:
    """Return the accuracy on new images after `epochs` of standard augmentation."""
    batches = loader(count, batch, "standard", 0)
    module = Classifier(depth, channels_last=True, steps=epochs * len(batches), seed=seed)
    _trainer(epochs).fit(module, batches)
    return accuracy_of(module.net.to(DEVICE))


def installed() -> dict[str, str]:
    """Return the version of the package that is not among this project's own."""
    return versions("lightning")


if __name__ == "__main__":
    serve(rate, accuracy, installed)
