"""Reading image files: one when it is asked for, or all at once into a cached tensor."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.member import ImageFile, Members
from darkmagic.trainers.data.image_files.pixels import check_header, read_image
from darkmagic.trainers.outputs.durable import replace_file
from darkmagic.trainers.runtime.cache import cache_folder

__all__ = [
    "Decoder",
    "ImageFiles",
    "check_all",
    "cover",
    "decode_all",
    "fingerprint",
    "hold_images",
]

VERSION = 3
"""Of the pixels that a file gives: what older versions kept is not used."""


@dataclass(frozen=True)
class Decoder:
    """Reads an image file as uint8 (channels, *size).

    An image of another size is resized so that it covers the target, and its middle is cut
    out, unless `fixed`: then it is an error.
    """

    size: tuple[int, int]  # height, width
    channels: int
    fixed: bool

    @classmethod
    def for_files(
        cls, files: Sequence[ImageFile], size: int | Sequence[int] | None, channels: int
    ) -> Decoder:
        """Return the decoder to `size`; None means the size of the first of `files`."""
        if channels not in (1, 3):
            raise ValueError(f"channels={channels}: choose 1 (grey) or 3 (RGB)")
        if size is None:
            first = read_image(files[0], channels)
            return cls((first.height, first.width), channels, fixed=True)
        sides = (size, size) if isinstance(size, int) else tuple(size)
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f"size={size}: give a side or [height, width]")
        return cls((sides[0], sides[1]), channels, fixed=False)

    @property
    def bytes_per_image(self) -> int:
        """Size in memory."""
        return self.channels * self.size[0] * self.size[1]

    def read(self, path: ImageFile) -> np.ndarray:
        """Return the pixels (H, W) or (H, W, 3). Raises `ValueError` naming a bad file."""
        height, width = self.size
        image = read_image(path, self.channels)
        if image.size != (width, height):
            self._check_size(path, image.height, image.width)
            image = cover(image, width, height)
        return np.asarray(image)

    def check(self, path: ImageFile) -> None:
        """Raise `ValueError` naming a file that is no image, or one of a size that does not fit."""
        self._check_size(path, *check_header(path))

    def _check_size(self, path: ImageFile, height: int, width: int) -> None:
        if self.fixed and (height, width) != self.size:
            raise ValueError(
                f"{printable(path)} is {width} x {height}, the first image "
                f"{self.size[1]} x {self.size[0]}: set dataset.source.size to bring all to one size"
            )


def cover(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return `image` resized so that it covers `width` x `height`, with its middle cut out."""
    scale = max(width / image.width, height / image.height)
    larger = image.resize(
        (max(width, round(image.width * scale)), max(height, round(image.height * scale))),
        Image.Resampling.BILINEAR,
    )
    left, top = (larger.width - width) // 2, (larger.height - height) // 2
    return larger.crop((left, top, left + width, top + height))


class ImageFiles(Dataset[Tensor]):
    """Image files, each decoded when it is asked for."""

    def __init__(self, files: Sequence[ImageFile], decoder: Decoder) -> None:
        self._files = files if isinstance(files, Members) else list(files)
        self._decoder = decoder

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(_channels_first(self._decoder.read(self._files[index])[None]))[0]


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    """Return pixels (N, H, W) or (N, H, W, C) as (N, C, H, W), in memory of their own."""
    images = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
    return np.array(images, order="C")


def decode_all(
    folder: Path,
    files: Sequence[ImageFile],
    decoder: Decoder,
    cache: str | None,
    key: str | None = None,
) -> Tensor:
    """Return all `files` as uint8 (N, C, H, W), decoded once and kept under `cache`.

    What is kept is mapped and not read: processes that ask for the same images have one copy of
    them in memory between them, the system's own of the file, until one writes to its images.
    The cache's key has the files' names, sizes and times, so a changed file is decoded again, and
    so is all where what was kept is cut short. Processes that ask at the same time wait for the
    one that decodes. A cache that cannot be written costs time and no more.
    """
    kept = cache_folder(cache) / "images" / f"{key or fingerprint(folder, files, decoder)}.npy"
    pixels: np.ndarray | None = None
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(kept.with_suffix(".lock")):
            pixels = _load(kept, len(files), decoder)
            if pixels is None:
                replace_file(kept, partial(np.save, arr=_decode(files, decoder)))
                pixels = _load(kept, len(files), decoder)
    except OSError as error:  # no room, or no right to write
        logging.getLogger(__name__).warning("decoded images are not kept: %s", error)
    return torch.from_numpy(_decode(files, decoder) if pixels is None else pixels)


def hold_images(
    folder: Path,
    files: Sequence[ImageFile],
    decoder: Decoder,
    cache: str | None,
    budget: int,
    digest: str | None = None,
    key: str | None = None,
) -> Tensor | ImageFiles:
    """Return `files` decoded, or to be read, and checked, where they take over `budget` bytes.

    The `digest` of their listing, where there is one, spares looking at each file again, and so
    does their `key`, where their `fingerprint` is known.
    """
    if len(files) * decoder.bytes_per_image <= budget:
        return decode_all(folder, files, decoder, cache, key)
    check_all(folder, files, decoder, cache, digest or key)
    return ImageFiles(files, decoder)


def check_all(
    folder: Path,
    files: Sequence[ImageFile],
    decoder: Decoder,
    cache: str | None,
    digest: str | None = None,
) -> None:
    """Raise `ValueError` for the first of `files` that is no image, before any is trained on.

    Reads the start of each, some ten thousand a second, once for files of the same `digest`, or
    else of the same names, sizes and times: that they were checked is kept under `cache`.
    """
    key = _digest_key(digest, decoder) if digest else fingerprint(folder, files, decoder)
    kept = cache_folder(cache) / "images" / f"{key}.checked"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(kept.with_suffix(".lock")):
            if not kept.exists():
                _check(files, decoder)
                kept.touch()
    except OSError:  # no room, or no right to write: each trial checks
        _check(files, decoder)


def _check(files: Sequence[ImageFile], decoder: Decoder) -> None:
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(decoder.check, files):
            pass


def _decode(files: Sequence[ImageFile], decoder: Decoder) -> np.ndarray:
    with ThreadPoolExecutor() as pool:  # PIL decodes outside Python's lock
        return _channels_first(np.stack(list(pool.map(decoder.read, files))))


def _load(kept: Path, count: int, decoder: Decoder) -> np.ndarray | None:
    """Return the kept pixels; None where there are none, or not all of them."""
    try:
        pixels: np.ndarray = np.load(kept, mmap_mode="c")  # a write stays in this process
    except (OSError, ValueError, EOFError):  # absent, cut short, empty
        return None
    whole = pixels.dtype == np.uint8 and pixels.shape == (count, decoder.channels, *decoder.size)
    return pixels if whole else None


def _digest_key(digest: str, decoder: Decoder) -> str:
    return hashlib.sha256(f"{VERSION} {decoder!r} {digest}".encode()).hexdigest()[:32]


def fingerprint(folder: Path, files: Sequence[ImageFile], decoder: Decoder) -> str:
    """Return what differs where the name, the size or the time of any of `files` does."""
    if isinstance(files, Members):
        return _digest_key(files.digest, decoder)
    digest = hashlib.sha256(f"{VERSION} {decoder!r}".encode())
    start = len(os.path.join(folder, ""))  # noqa: PTH118 (strings: there may be a million)
    for path in map(str, files):
        status = os.stat(path)  # noqa: PTH116
        line = f"{path[start:]} {status.st_size} {status.st_mtime_ns}\n"
        digest.update(os.fsencode(line))  # a name need not be UTF-8
    return digest.hexdigest()[:32]
