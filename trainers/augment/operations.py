"""Fourteen operations on whole uint8 batches, each sample with its own one.

Samples are put in the order of their operations, so that each operation is one call on a part of
the batch, and all geometric ones are one resampling. The draw is made on the CPU and needs no
answer from the device.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment import affine, levels
from darkmagic.trainers.augment.blend import color, sharpness

__all__ = ["OPERATIONS", "SIGNED", "Magnitudes", "Policy", "apply_policy", "draw_signs"]

AFFINE: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "ShearX": affine.shear_x,
    "ShearY": affine.shear_y,
    "TranslateX": affine.translate_x,
    "TranslateY": affine.translate_y,
    "Rotate": affine.rotate,
}
PIXELWISE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": levels.brightness,
    "Contrast": levels.contrast,
    "Posterize": levels.posterize,
    "Solarize": levels.solarize,
    "AutoContrast": levels.autocontrast,
    "Equalize": levels.equalize,
    "Invert": levels.invert,
    "Color": color,
    "Sharpness": sharpness,
}
OPERATIONS = [*AFFINE, *PIXELWISE]
ALONE = 2**14
"""Pixels from which a CPU changes images one by one."""
SIGNED = {*AFFINE, "Brightness", "Color", "Contrast", "Sharpness"}

Magnitudes = Callable[[str, tuple[int, int]], Tensor]
"""From an operation's name and an image's (H, W) to the magnitudes of its bins, float64."""


@dataclass(frozen=True)
class Policy:
    """What happens to each of n samples in some stages, all (n, stages): the place of an
    operation in `OPERATIONS`, -1 for none; its magnitude's bin; and its sign, 1 or -1.
    """

    operation: Tensor
    bin: Tensor
    sign: Tensor


_SIGNED = torch.tensor([name in SIGNED for name in OPERATIONS])


def draw_signs(operation: Tensor, rng: torch.Generator) -> Tensor:
    """Return 1 or -1 for each `operation` (n, stages), evenly; 1 for those without a sign."""
    negative = (torch.rand(operation.shape, generator=rng) < 0.5) & _SIGNED[operation]
    return torch.where(negative, -1.0, 1.0)


def apply_policy(images: Tensor, policy: Policy, magnitudes: Magnitudes) -> Tensor:
    """Return `images` (n, C, H, W), uint8, as `policy` changes them."""
    height, width = images.shape[2:]
    magnitude = _by_bin(magnitudes, (height, width))[policy.operation, policy.bin] * policy.sign
    if images.device.type == "cpu" and height * width >= ALONE:
        return _change_each(images, policy.operation, magnitude)
    return _change_together(images, policy.operation, magnitude)


@functools.lru_cache(maxsize=32)
def _by_bin(magnitudes: Magnitudes, size: tuple[int, int]) -> Tensor:
    """Return the magnitude of each operation and bin, float64."""
    return torch.stack([magnitudes(name, size) for name in OPERATIONS])


def _change_each(images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Return `images` changed one by one, each through all stages while a cache holds it."""
    changed = torch.empty_like(images, memory_format=torch.contiguous_format)
    for place, operations in enumerate(operation.tolist()):
        own = slice(place, place + 1)
        image = images[own].contiguous()
        for stage, index in enumerate(operations):
            if index >= 0:
                image = _change(index, image, magnitude[own, stage])
        changed[own] = image
    return changed


def _change(index: int, images: Tensor, magnitude: Tensor) -> Tensor:
    """Return `images` changed by the operation at `index` in `OPERATIONS`."""
    name = OPERATIONS[index]
    if name in PIXELWISE:
        return PIXELWISE[name](images, magnitude)
    return affine.affine(images, AFFINE[name](magnitude, (images.shape[2], images.shape[3])))


def _change_together(images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Return `images`, in a stage put in the order of their operations and changed in parts."""
    size = (images.shape[2], images.shape[3])
    order = operation.argsort(dim=0, stable=True)
    operation, magnitude = operation.gather(0, order), magnitude.gather(0, order)
    back = order.argsort(0)
    indices = order[:, 0]  # of the samples of this stage, as they lie after the one before
    for stage, ends in enumerate(_ends(operation)):
        if stage > 0:
            indices = back[:, stage - 1][order[:, stage]]
        images = images.index_select(0, indices.to(images.device, non_blocking=True))
        parts = [slice(*pair) for pair in itertools.pairwise(ends)]
        moved = slice(ends[0], ends[len(AFFINE)])
        if moved.start < moved.stop:
            matrices = [
                function(magnitude[part, stage], size)
                for part, function in zip(parts, AFFINE.values(), strict=False)
                if part.start < part.stop
            ]
            images[moved] = affine.affine(images[moved], torch.cat(matrices))
        for part, change in zip(parts[len(AFFINE) :], PIXELWISE.values(), strict=True):
            if part.start < part.stop:
                images[part] = change(images[part], magnitude[part, stage])
    return images.index_select(0, back[:, -1].to(images.device, non_blocking=True))


def _ends(operation: Tensor) -> list[list[int]]:
    """Return, a stage, where no operation ends in the sorted `operation` (n, stages), then each."""
    names = torch.arange(-1, len(OPERATIONS)).expand(operation.shape[1], -1)
    ends = torch.searchsorted(operation.T.contiguous(), names.contiguous(), right=True)
    return ends.tolist()
