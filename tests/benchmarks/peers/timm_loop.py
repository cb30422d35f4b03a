"""A loop of timm's pieces: its loader with fast collate, its policy, optimizer and schedule.

In the manner of its train.py, https://github.com/huggingface/pytorch-image-models, without the
logging.
"""

from __future__ import annotations

import time

import torch
from PIL import Image
from task import (
    DEVICE,
    LR,
    MEAN,
    MOMENTUM,
    PAD,
    PRECISION,
    SIDE,
    STD,
    WEIGHT_DECAY,
    answers,
    network,
    pictures,
    synchronize,
)
from timm.data import create_loader
from timm.data.auto_augment import auto_augment_transform
from timm.data.transforms import ToNumpy
from timm.optim import create_optimizer_v2
from timm.scheduler.cosine_lr import CosineLRScheduler
from torch import nn
from torch.utils.data import Dataset
from torchvision import transforms

from harness.serving import serve


class Pictures(Dataset):
    """PIL images, as timm's transforms take them; `transform` is the loader's to set."""

    def __init__(self, count: int) -> None:
        self._images, self._classes = pictures(count)
        self.transform = None

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> tuple[object, int]:
        assert self.transform is not None
        return self.transform(Image.fromarray(self._images[place])), int(self._classes[place])


def loader(count: int, batch: int, augmentation: str, workers: int):  # noqa: ANN201 (timm's own)
    """Return timm's loader, which collates uint8 images and normalises them on the device."""
    batches = create_loader(
        Pictures(count),
        (3, SIDE, SIDE),
        batch,
        is_training=True,
        mean=MEAN,
        std=STD,
        num_workers=workers,
        pin_memory=DEVICE.type == "cuda",
        device=DEVICE,
        persistent_workers=workers > 0,
    )
    # timm's own transforms crop by area: this is the crop of the other sides.
    steps = [transforms.RandomCrop(SIDE, PAD), transforms.RandomHorizontalFlip()]
    if augmentation == "autoaugment":
        steps.append(auto_augment_transform("original", {"img_mean": (0, 0, 0)}))
    batches.dataset.transform = transforms.Compose([*steps, ToNumpy()])
    return batches


class Loop:
    """A network and what trains it."""

    def __init__(self, depth: int, *, channels_last: bool, steps: int, seed: int = 0) -> None:
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model = network(depth, seed).to(DEVICE, memory_format=self._layout).train()
        self._loss = nn.CrossEntropyLoss()
        self._optimizer = create_optimizer_v2(
            self.model, "sgd", lr=LR, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM
        )
        self._schedule = CosineLRScheduler(self._optimizer, steps, t_in_epochs=False)
        self._step = 0

    def epoch(self, batches) -> tuple[int, float]:  # noqa: ANN001 (timm's own)
        """Train one epoch; return how many images came after the first batch, and their seconds."""
        images, started = 0, 0.0
        for step, (image, target) in enumerate(batches):
            if step == 1:
                synchronize()
                started = time.perf_counter()
            inputs = image.contiguous(memory_format=self._layout)
            with torch.autocast(DEVICE.type, PRECISION, enabled=DEVICE.type == "cuda"):
                loss = self._loss(self.model(inputs), target)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._step += 1
            self._schedule.step_update(self._step)
            images += len(image) if step else 0
        synchronize()
        return images, time.perf_counter() - started


if __name__ == "__main__":
    serve(*answers(Loop, loader))
