"""From the data set's uint8 images to the batches that the network trains on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.geometry import flip_batches
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.prepare import Normalizer
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.loader_workers import choose_loaders
from darkmagic.trainers.prepare.mid_epoch import MidEpoch
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.randomness import generator

__all__ = ["Pipeline", "joined_batches"]

MOST_JOINED = 16
JOINED_BYTES = {"cuda": 8 * 2**20, "cpu": 3 * 2**19}
"""Of uint8 images that are prepared together: what fills a GPU, and what stays in a CPU's cache."""
FEWEST_EVALUATED, MOST_EVALUATED = 256, 1024
"""Images at once, or a training batch of more. On a GPU small ones go the most at a time."""


class Pipeline:
    """Shuffles, crops, flips, augments, scales and mixes, each with draws of its own."""

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
        scaling = hooks.fit_scaling(data)
        self._normalize = Normalizer(scaling, channels, device, memory_format)
        self._eval_batch = max(recipe.batch_size, _images_at_once(data, device))
        batches = recipe.batch_size, self._eval_batch
        self.loaders = choose_loaders(data, device, batches, recipe.workers)
        self._train = Batches(
            data.train,
            recipe.batch_size,
            device,
            workers=self.loaders.workers,
            drop_last=True,
            chances=hooks.image_chances(data),
        )
        self._joined = joined_batches(data, recipe.batch_size, device)
        self._device = device
        self._val = Batches(data.val, self._eval_batch, device, workers=self.loaders.workers)
        every = recipe.epochs * len(self._train)
        self._total_steps = min(recipe.max_steps or every, every)
        self._rngs: dict[str, torch.Generator] = {}
        self._between = False

    @property
    def steps_per_epoch(self) -> int:
        """Training batches in an epoch."""
        return len(self._train)

    @property
    def draws(self) -> dict[str, Tensor]:
        """The states of the generators that the last epoch draws from, by their names.

        Empty while batches that were drawn together are handed out: a place is between them.
        """
        if not self._between:
            return {}
        return {name: rng.get_state() for name, rng in self._rngs.items()}

    def start_epoch(self, epoch: int) -> None:
        """Give each purpose its generator of `epoch`."""
        self._hooks.start_epoch(epoch)
        own = {name: generator(self._seed, name, epoch) for name in ("geometry", "flip")}
        self._rngs = {**own, **{f"trick {k}": rng for k, rng in self._hooks.rngs.items()}}
        self._between = True

    def training_epoch(
        self, epoch: int, begin: MidEpoch | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W), scaled, and target probabilities or labels (B, K).

        The batches before the place to `begin` at are neither drawn nor read.
        """
        self.start_epoch(epoch)
        for name, state in ({} if begin is None else begin.draws).items():
            self._rngs[name].set_state(state)
        crops, flips = self._rngs["geometry"], self._rngs["flip"]
        skipped = 0 if begin is None else begin.step
        step = epoch * len(self._train) + skipped
        order, repeats = self._hooks.epoch_order(epoch), self._hooks.image_repeats()
        chunks = self._train.chunks(order, self._joined, repeats, skip=skipped)
        for raw, truth, sizes in chunks:
            images = self._hooks.crop_training(raw, self._data.pad, crops, sizes)
            if self._data.flip:
                images = flip_batches(images, flips, sizes)
            images = self._normalize(self._hooks.augment(images, sizes))
            several = self._data.multilabel
            labels = truth if several else F.one_hot(truth, len(self._data.classes))
            targets = labels.to(images.dtype)
            parts = zip(*(torch.split(each, sizes) for each in (images, targets)), strict=True)
            for index, batch in enumerate(parts):
                resized = self._hooks.resize(batch[0], min(step / self._total_steps, 1.0))
                transformed = self._hooks.transform_batch(resized, batch[1])
                self._between = index + 1 == len(sizes)
                yield transformed
                step += 1

    def endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of `training_epoch`, epoch after epoch without end."""
        for epoch in count():
            yield from self.training_epoch(epoch)

    def validation(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, C, H, W), scaled, and classes (B,) or labels (B, K), in order."""
        for images, classes in self._val.epoch(None):
            yield self._normalize(self._hooks.crop_validation(images)), classes

    def test(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the test split as `validation` does; it is read only when this is asked for."""
        workers = self.loaders.workers
        test = Batches(self._data.test, self._eval_batch, self._device, workers=workers)
        for images, classes in test.epoch(None):
            yield self._normalize(self._hooks.crop_validation(images)), classes


def joined_batches(data: Data, batch_size: int, device: torch.device) -> int:
    """Return how many training batches are prepared together at most."""
    batch_bytes = batch_size * data.channels * data.size[0] * data.size[1]
    return min(MOST_JOINED, max(1, JOINED_BYTES[device.type] // batch_bytes))


def _images_at_once(data: Data, device: torch.device) -> int:
    """Return how many images are evaluated at once."""
    if device.type == "cpu":
        return FEWEST_EVALUATED
    fit = JOINED_BYTES[device.type] // (data.channels * data.size[0] * data.size[1])
    return max(FEWEST_EVALUATED, min(MOST_EVALUATED, fit))
