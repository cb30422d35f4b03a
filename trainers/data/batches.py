"""The batches of an epoch, on the device, in an order that depends on the generator alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.loader import make_loader, read_batches
from darkmagic.trainers.runtime.processes import processes

__all__ = ["Batches"]


class Batches:
    """Batches of `split`, as uint8 images (B, C, H, W) and int64 classes (B,) on `device`.

    Images in memory go to the device once, and batches are gathered there; others are read
    by `workers` processes. With `drop_last`, a last batch that is not full is left out, so
    that every step is of one size, unless it is the only one.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device: torch.device,
        *,
        workers: int = 0,
        drop_last: bool = False,
        chances: Tensor | None = None,
    ) -> None:
        """Prepare; with `chances` (N,) images are drawn so, and again, in place of once each."""
        self._chances = None if chances is None else chances.double()
        self._count = len(split)
        self._batch_size = batch_size
        self._device = device
        self._drop_last = drop_last and self._count >= batch_size
        self._targets = split.targets.to(device)
        self._images: Tensor | None = None
        self._order = _Order()
        if isinstance(split.images, Tensor):
            self._images = split.images.to(device)
        else:
            self._loader = make_loader(
                split.images, self._order, workers, pin_memory=device.type == "cuda"
            )

    def __len__(self) -> int:
        full, rest = divmod(self._count, self._batch_size)
        return full + (rest > 0 and not self._drop_last)

    def epoch(self, rng: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches, shuffled by `rng`, or in order without one."""
        for images, targets, _ in self.chunks(rng):
            yield images, targets

    def chunks(
        self, rng: torch.Generator | None, most: int = 1, repeats: int = 1, skip: int = 0
    ) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
        """Yield the batches of `epoch` joined, up to `most` at a time, and the size of each.

        There are two batches in the second, four in the third and so on, so that who wants the
        first batch alone does not wait for `most`. Images that are read by loaders come one batch
        at a time. Each image comes `repeats` times in a row, and a part of them not at all. The
        first batches, as many as to `skip`, are not read.
        """
        if rng is None:
            order = torch.arange(self._count)
        elif self._chances is not None:
            order = torch.multinomial(self._chances, self._count, replacement=True, generator=rng)
        else:
            order = torch.randperm(self._count, generator=rng)
        if repeats > 1:
            order = order.repeat_interleave(repeats)[: self._count]
        chunks = torch.split(order, self._batch_size)[skip : len(self)]
        if self._images is None:
            them = processes()  # each of which reads a share of the files
            shared = [len(chunk) >= them.count for chunk in chunks]
            own = [c[them.own(len(c))] if s else c for c, s in zip(chunks, shared, strict=True)]
            self._order.batches = [chunk.tolist() for chunk in own]
            read = zip(read_batches(self._loader), chunks, shared, strict=True)
            for images, chunk, is_shared in read:
                places = chunk.to(self._device, non_blocking=True)
                on_device = images.to(self._device, non_blocking=True)
                if is_shared:
                    on_device = them.gather(on_device, len(chunk))
                yield on_device, self._targets[places], [len(chunk)]
            return
        sizes, order = [len(chunk) for chunk in chunks], order.to(self._device)
        done, count = skip * self._batch_size, 1
        while sizes:
            now, sizes = sizes[:count], sizes[count:]
            places = order[done : done + sum(now)]
            yield self._images[places], self._targets[places], now
            done, count = done + sum(now), min(2 * count, most)


class _Order(torch.utils.data.Sampler[list[int]]):
    """A batch sampler that yields the batches it was last given."""

    def __init__(self) -> None:
        self.batches: Sequence[list[int]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)
