"""From the data set's uint8 images to the batches that the network trains on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.geometry import random_crop, random_flip
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.prepare import Normalizer
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.randomness import generator
from darkmagic.trainers.recipe import Recipe

__all__ = ["Pipeline"]


class Pipeline:
    """Shuffles, crops, flips, augments, normalises and mixes, each with draws of its own."""

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        hooks: Hooks,
        device: torch.device,
        channels: int,
        memory_format: torch.memory_format,
    ) -> None:
        self._seed = recipe.seed
        self._data = data
        self._hooks = hooks
        self._normalize = Normalizer(data.mean, data.std, channels, device, memory_format)
        self._train = Batches(
            data.train, recipe.batch_size, device, workers=recipe.workers, drop_last=True
        )
        self._device = device
        self._workers = recipe.workers
        self._eval_batch = max(recipe.batch_size, 256)
        self._val = Batches(data.val, self._eval_batch, device, workers=recipe.workers)

    @property
    def steps_per_epoch(self) -> int:
        """Training batches in an epoch."""
        return len(self._train)

    def training_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W), normalised, and target probabilities (B, K)."""
        self._hooks.start_epoch(epoch)
        geometry = generator(self._seed, "geometry", epoch)
        for raw, classes in self._train.epoch(generator(self._seed, "shuffle", epoch)):
            images = raw
            if self._data.pad:
                images = random_crop(images, self._data.pad, geometry)
            if self._data.flip:
                images = random_flip(images, geometry)
            images = self._normalize(self._hooks.augment(images))
            targets = F.one_hot(classes, len(self._data.classes)).to(images.dtype)
            yield self._hooks.transform_batch(images, targets)

    def validation(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W), normalised, and classes (B,), in order."""
        for images, classes in self._val.epoch(None):
            yield self._normalize(images), classes

    def test(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the test split as `validation` does; it is read only when this is asked for."""
        test = Batches(self._data.test, self._eval_batch, self._device, workers=self._workers)
        for images, classes in test.epoch(None):
            yield self._normalize(images), classes
