"""Images that are PIL images, tensors or arrays, as the bytes that we train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkmagic.trainers.data.image_files.pixels import as_shown

__all__ = ["size_text", "to_pixels"]

GREY = ("1", "L", "I", "F")
"""How PIL's modes of one channel begin, with transparency or without; LAB is refused."""


def size_text(shape: Sequence[int]) -> str:
    """Return a shape as `3 x 4 x 4`."""
    return " x ".join(map(str, shape))


def to_pixels(image: Any, where: str) -> tuple[Tensor, str]:
    """Return an image as uint8 (C, H, W), and what it was. Raises `ValueError` naming `where`.

    >>> to_pixels(np.zeros((4, 4, 3)), "train[0]")[0].shape
    torch.Size([3, 4, 4])
    """
    if hasattr(image, "getbands"):  # PIL's
        image, kind, last = torch.from_numpy(_pixels(image, where)), "PIL images", True
    elif isinstance(image, Tensor | np.ndarray):
        last = isinstance(image, np.ndarray)
        kind = "arrays" if last else "tensors"
        image = torch.as_tensor(image).detach().cpu()
    else:
        raise ValueError(
            f"the image of {where} is {type(image).__name__}: expected a PIL image, tensor or array"
        )
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3:
        raise ValueError(f"the image of {where} is {size_text(image.shape)}: expected (C, H, W)")
    if _channels_last(image.shape, usual=last):
        image = image.permute(2, 0, 1)
    return _bytes(image, where).contiguous(), kind


def _pixels(image: Any, where: str) -> NDArray[np.uint8]:
    """Return the pixels of a PIL image as a viewer shows it, of one channel where it is grey."""
    is_grey = image.mode.startswith(GREY)
    try:
        return np.array(as_shown(image, 1 if is_grey else 3))
    except ValueError as error:
        raise ValueError(f"the image of {where}: {error}") from None


def _channels_last(shape: Sequence[int], *, usual: bool) -> bool:
    """Whether the last side is the channels: one or three, else four; `usual` where both may be."""
    for channels in ((1, 3), (4,)):
        first, last = shape[0] in channels, shape[2] in channels
        if first or last:
            return last and (usual or not first)
    return False


def _bytes(image: Tensor, where: str) -> Tensor:
    if image.dtype == torch.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    if not image.is_floating_point():
        if not 0 <= low <= high <= 255:
            raise ValueError(
                f"the image of {where} has values from {low:g} to {high:g}: need 0 to 255"
            )
        return image.to(torch.uint8)
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 1:
        raise ValueError(
            f"the image of {where} has values from {low:.3g} to {high:.3g}: give bytes, or numbers "
            "in [0, 1]; leave Normalize out, as the scaling is part of the recipe"
        )
    return (image * 255).round().to(torch.uint8)
