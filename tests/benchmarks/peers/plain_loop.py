"""A plain loop of PyTorch and torchvision, in the manner of torchvision's reference script.

https://github.com/pytorch/vision/tree/main/references/classification, of which it leaves out
meters and logging, which cost a synchronisation a step.
"""

from __future__ import annotations

import time
from functools import partial

import torch
from task import (
    DEVICE,
    LR,
    MEAN,
    MOMENTUM,
    PAD,
    PRECISION,
    SIDE,
    STD,
    answers,
    cosine,
    network,
    parameter_groups,
    pictures,
    synchronize,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as v1
from torchvision.transforms import v2

from harness.serving import serve


class Pictures(Dataset[tuple[Tensor, int]]):
    """Uint8 images (3, H, W), each transformed when it is read."""

    def __init__(self, count: int, augmentation: str) -> None:
        images, self._classes = pictures(count)
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        # The faster of torchvision's two kinds for each, on tensors: images of PIL are slower.
        kind = v1 if augmentation == "standard" else v2
        to_float = (
            v1.ConvertImageDtype(torch.float)
            if augmentation == "standard"
            else v2.ToDtype(torch.float, scale=True)
        )
        steps = [kind.RandomCrop(SIDE, PAD), kind.RandomHorizontalFlip()]
        steps += [kind.AutoAugment()] if augmentation == "autoaugment" else []
        self._transform = kind.Compose([*steps, to_float, kind.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self._transform(self._images[place]), int(self._classes[place])


def loader(count: int, batch: int, augmentation: str, workers: int) -> DataLoader:
    """Return shuffled full batches."""
    return DataLoader(
        Pictures(count, augmentation),
        batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        pin_memory=DEVICE.type == "cuda",
        persistent_workers=workers > 0,
    )


class Loop:
    """A network and what trains it."""

    def __init__(self, depth: int, *, channels_last: bool, steps: int, seed: int = 0) -> None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.layout = layout
        self.model = network(depth, seed).to(DEVICE, memory_format=layout).train()
        self._loss = nn.CrossEntropyLoss()
        groups = parameter_groups(self.model)
        self._optimizer = torch.optim.SGD(groups, LR, momentum=MOMENTUM, nesterov=True)
        factor = partial(cosine, steps=steps)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, factor)

    def epoch(self, batches: DataLoader) -> tuple[int, float]:
        """Train one epoch; return how many images came after the first batch, and their seconds."""
        images, started = 0, 0.0
        for step, (image, target) in enumerate(batches):
            if step == 1:
                synchronize()
                started = time.perf_counter()
            inputs = image.to(DEVICE, non_blocking=True, memory_format=self.layout)
            targets = target.to(DEVICE, non_blocking=True)
            with torch.autocast(DEVICE.type, PRECISION, enabled=DEVICE.type == "cuda"):
                loss = self._loss(self.model(inputs), targets)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            images += len(image) if step else 0
        synchronize()
        return images, time.perf_counter() - started


if __name__ == "__main__":
    serve(*answers(Loop, loader))
