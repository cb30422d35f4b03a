"""Fourteen operations on whole uint8 batches, each sample with its own one.

Samples are put in the order of their operations, so that each operation is one call on a part of
the batch, and all geometric ones are one resampling; large images on a CPU take theirs one by one.
The draw is made on the CPU and needs no answer from the device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

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
PIXELWISE: dict[str, Callable[[Tensor, Tensor | float], Tensor]] = {
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
_PIXELWISE = list(PIXELWISE.values())
OPERATIONS = [*AFFINE, *PIXELWISE]
ALONE = 2**15
"""Pixels from which a CPU changes images one by one; smaller ones share the cost of small steps."""
SIGNED = {*AFFINE, "Brightness", "Color", "Contrast", "Sharpness"}

Magnitudes = Callable[[str, tuple[int, int]], Tensor]
"""From an operation's name and an image's (H, W) to the magnitudes of its bins, float64."""


class Policy(NamedTuple):
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
    size = (images.shape[2], images.shape[3])
    magnitude = _by_bin(magnitudes, size)[policy.operation, policy.bin] * policy.sign
    geometric = policy.operation.clamp(0, len(AFFINE) - 1)  # another operation's are not read
    matrices = _matrices(magnitudes, size)[geometric, policy.bin, (policy.sign < 0).long()]
    alone = images.device.type == "cpu" and size[0] * size[1] >= ALONE
    change = _change_each if alone else _change_together
    return change(images, policy.operation, magnitude, matrices)


@functools.lru_cache(maxsize=32)
def _by_bin(magnitudes: Magnitudes, size: tuple[int, int]) -> Tensor:
    """Return the magnitude of each operation and bin, float64."""
    return torch.stack([magnitudes(name, size) for name in OPERATIONS])


@functools.lru_cache(maxsize=32)
def _matrices(magnitudes: Magnitudes, size: tuple[int, int]) -> Tensor:
    """Return the matrix of each geometric operation, bin and sign, the negative one last."""
    by_bin = _by_bin(magnitudes, size)
    of_bins = [
        torch.stack([function(bins, size), function(-bins, size)], 1)
        for function, bins in zip(AFFINE.values(), by_bin, strict=False)
    ]
    return torch.stack(of_bins)


def _change_each(images: Tensor, operation: Tensor, magnitude: Tensor, matrices: Tensor) -> Tensor:
    """Return `images` changed one by one, each through all stages while a cache holds it."""
    images = images.contiguous()
    changed = torch.empty_like(images)
    drawn = zip(operation.tolist(), magnitude.tolist(), strict=True)
    for place, (operations, magnitudes) in enumerate(drawn):
        own = slice(place, place + 1)
        image = images[own]
        for stage, index in enumerate(operations):
            if index >= len(AFFINE):
                image = _PIXELWISE[index - len(AFFINE)](image, magnitudes[stage])
            elif index >= 0:
                image = affine.affine(image, matrices[own, stage])
        changed[own] = image
    return changed


def _change_together(
    images: Tensor, operation: Tensor, magnitude: Tensor, matrices: Tensor
) -> Tensor:
    """Return `images`, in each stage put in the order of their operations and changed in parts."""
    order = operation.argsort(dim=0, stable=True)
    back = order.argsort(0)
    indices = order[:, 0]  # of the samples of this stage, as they lie after the one before
    for stage, ends in enumerate(_ends(operation.gather(0, order))):
        if stage > 0:
            indices = back[:, stage - 1][order[:, stage]]
        images = images.index_select(0, indices.to(images.device, non_blocking=True))
        own = magnitude[order[:, stage], stage]
        moved = slice(ends[0], ends[len(AFFINE)])
        if moved.start < moved.stop:
            by = matrices[order[moved, stage], stage]
            images[moved] = affine.affine(images[moved], by)
        for index, change in enumerate(_PIXELWISE, len(AFFINE)):
            part = slice(ends[index], ends[index + 1])
            if part.start < part.stop:
                images[part] = change(images[part], own[part])
    return images.index_select(0, back[:, -1].to(images.device, non_blocking=True))


def _ends(operation: Tensor) -> list[list[int]]:
    """Return, a stage, where no operation ends in the sorted `operation` (n, stages), then each."""
    names = torch.arange(-1, len(OPERATIONS)).expand(operation.shape[1], -1)
    ends = torch.searchsorted(operation.T.contiguous(), names.contiguous(), right=True)
    return ends.tolist()
