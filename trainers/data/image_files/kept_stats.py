"""The mean and deviation of a split's images, which are read once and not by every trial."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from darkmagic.trainers.data.assembly.stats import channel_stats
from darkmagic.trainers.data.base import Split, Stats
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.json_file import read_json, write_json
from darkmagic.trainers.runtime.cache import cache_folder

__all__ = ["kept_channel_stats"]


def kept_channel_stats(
    split: Split, name: str = "", *, made_of: str, channels: int, cache: str | None
) -> Stats:
    """Return the mean and deviation of each of so many `channels` of `split`.

    They are kept under `cache` by what the split is `made_of` and its `name`, to the last digit, so
    that it does not matter which trial read the images. What is damaged there is made anew.
    """
    made_of = f"{made_of} {name}" if name else made_of
    key = hashlib.sha256(made_of.encode(errors="surrogateescape")).hexdigest()[:32]
    path = cache_folder(cache) / "images" / f"{key}.stats"
    if (kept := _load(path, channels)) is not None:
        return kept
    stats = channel_stats(split)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(zip(("mean", "std"), stats, strict=True)))
    except OSError as error:  # no room, or no right to write
        logging.getLogger(__name__).warning("the images' mean is not kept: %s", error)
    return stats


def _load(path: Path, channels: int) -> Stats | None:
    """Return what is kept; None where there is nothing, or it is damaged."""
    try:
        content = read_json(path) or {}
        mean, std = (tuple(map(float, content[name])) for name in ("mean", "std"))
    except (DamagedFileError, OSError, KeyError, ValueError, TypeError):
        return None
    if not len(mean) == len(std) == channels or not all(0 < value <= 1 for value in std):
        return None
    return (mean, std) if all(0 <= value <= 1 for value in mean) else None
