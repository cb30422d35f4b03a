"""Configurations of many jobs in little memory: an OmegaConf object is 50 times what it says."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import overload

import cloudpickle
from omegaconf import DictConfig

__all__ = ["PackedConfigs", "pack", "unpack"]

LEVEL = 1
"""Of zlib: a third of a megabyte becomes 6 KB in a millisecond, and higher ones save little."""


def pack(config: DictConfig) -> bytes:
    """Return `config` as bytes, which `unpack` makes an equal one of.

    By cloudpickle, as Hydra may import the module of a plugin anew, whose classes are others then.
    """
    return zlib.compress(cloudpickle.dumps(config), LEVEL)


def unpack(content: bytes) -> DictConfig:
    """Return the configuration that `pack` was given, as an object of its own."""
    config: DictConfig = cloudpickle.loads(zlib.decompress(content))
    return config


class PackedConfigs(Sequence[DictConfig]):
    """A list of configurations, each of which is an object only while it is looked at.

    >>> from omegaconf import OmegaConf
    >>> configs = PackedConfigs([OmegaConf.create({"seed": seed}) for seed in range(3)])
    >>> configs[1].seed, len(configs), [config.seed for config in configs]
    (1, 3, [0, 1, 2])
    """

    def __init__(self, configs: Iterable[DictConfig] = ()) -> None:
        self._contents = [pack(config) for config in configs]

    @overload
    def __getitem__(self, place: int) -> DictConfig: ...
    @overload
    def __getitem__(self, place: slice) -> PackedConfigs: ...
    def __getitem__(self, place: int | slice) -> DictConfig | PackedConfigs:
        """Return a new object of one, or some of them still packed."""
        if isinstance(place, int):
            return unpack(self._contents[place])
        some = PackedConfigs()
        some._contents = self._contents[place]
        return some

    def __len__(self) -> int:
        return len(self._contents)

    def packed(self, place: int) -> bytes:
        """Return one as it is kept, for `unpack`."""
        return self._contents[place]

    def append(self, config: DictConfig) -> None:
        """Add one at the end."""
        self._contents.append(pack(config))
