"""Data sets that torchvision downloads: CIFAR-10 and -100, SVHN, Fashion-MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.split import split_off
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.fields import check_fields, choice, flag, number, text, whole
from darkmagic.trainers.runtime.cache import downloading, expand
from darkmagic.trainers.trick import TrialSkipped

__all__ = ["TorchvisionSet"]

NAMES = ("CIFAR10", "CIFAR100", "SVHN", "FashionMNIST")


@dataclass(frozen=True)
class TorchvisionSet:
    """The set that torchvision calls `name`, kept under `root`, decoded into memory.

    Validation is `val_fraction` of its training split; its test split is ours.

    >>> source = TorchvisionSet("CIFAR10", root="data", val_fraction=0.1)
    >>> source.name, source.flip
    ('CIFAR10', True)
    """

    name: str = choice(choices=NAMES)
    root: str = text()
    flip: bool = flag(True)
    pad: int = whole(4, at_least=0)
    val_fraction: float = number(0.1, above=0, below=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` and the fields alone.

        Raises `TrialSkipped` where the set is not under `root` and cannot be downloaded.
        """
        train, val = split_off(self._read(train=True), self.val_fraction, split_seed)
        return assemble(
            train, val, self._read(train=False), self._classes, flip=self.flip, pad=self.pad
        )

    def noise(self, count: int) -> Data:
        """Return `count` images a split of random pixels, as large as the set's. Reads nothing.

        >>> TorchvisionSet("FashionMNIST", root="data").noise(8).size
        (28, 28)
        """
        channels, side = (1, 28) if self.name == "FashionMNIST" else (3, 32)
        rng = torch.Generator().manual_seed(0)
        shape = (count, channels, side, side)
        train, val, test = (
            Split(
                torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng),
                torch.arange(count) % len(self._classes),
            )
            for _ in range(3)
        )
        return assemble(train, val, test, self._classes, flip=self.flip, pad=self.pad)

    @property
    def _classes(self) -> list[str]:
        return [str(cls) for cls in range(100 if self.name == "CIFAR100" else 10)]

    def _found(self, kind: Any, root: Path, part: dict[str, Any]) -> Any:
        """Return torchvision's set, which is downloaded where it is not under `root`."""
        try:
            return kind(root, download=False, **part)
        except RuntimeError:  # it is not there, or not whole
            with downloading(f"the server of {self.name}"):
                return kind(root, download=True, **part)

    def _read(self, *, train: bool) -> Split:
        from filelock import FileLock  # noqa: PLC0415
        from torchvision import datasets  # noqa: PLC0415 (slow to import)

        root = expand(self.root)
        root.mkdir(parents=True, exist_ok=True)
        part: dict[str, Any] = {"train": train}
        if self.name == "SVHN":
            part = {"split": "train" if train else "test"}
        try:
            # Trials start at once: one downloads.
            with FileLock(root / f".{self.name}.lock"):
                found = self._found(getattr(datasets, self.name), root, part)
        except (OSError, RuntimeError) as error:  # no network, or what came is not the set
            reason = short_message(error)
            raise TrialSkipped(
                f"torchvision cannot download {self.name} here ({reason}); put its files into "
                f"{root}"
            ) from error
        return Split(_pixels(found.data), _classes(found))


def _pixels(data: Any) -> Tensor:
    """Return uint8 (N, C, H, W) of what the sets keep: channels last, first or none."""
    images = torch.as_tensor(data)
    if images.ndim == 3:
        return images[:, None]
    if images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2)
    return images.contiguous()


def _classes(found: Any) -> Tensor:
    return torch.as_tensor(found.labels if hasattr(found, "labels") else found.targets).long()
