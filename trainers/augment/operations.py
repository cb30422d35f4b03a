"""Fourteen operations on whole uint8 batches, each sample with its own one.

Samples are put in the order of their operations, so that each operation is one call on a part of
the batch, and all geometric ones are one resampling. The draw is made on the CPU and needs no
answer from the device.
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
    order = policy.operation.argsort(dim=0, stable=True)
    drawn = Policy(*(t.gather(0, order) for t in (policy.operation, policy.bin, policy.sign)))
    by_bin = _by_bin(magnitudes, (images.shape[2], images.shape[3]))
    magnitude = by_bin[drawn.operation, drawn.bin] * drawn.sign
    sources, which = _affine_sources(images, drawn, by_bin)
    back = order.argsort(0)
    indices = order[:, 0]  # of the samples of this stage, as they lie after the one before
    for stage, ends in enumerate(_ends(drawn.operation)):
        if stage > 0:
            indices = back[:, stage - 1][order[:, stage]]
        images = images.index_select(0, indices.to(images.device, non_blocking=True))
        moved = slice(ends[0], ends[len(AFFINE)])
        if moved.start < moved.stop:
            own = sources.index_select(0, which[moved, stage].to(images.device, non_blocking=True))
            images[moved] = affine.take_sources(images[moved], own)
        for index, change in enumerate(PIXELWISE.values(), len(AFFINE)):
            part = slice(ends[index], ends[index + 1])
            if part.start < part.stop:
                images[part] = change(images[part], magnitude[part, stage])
    return images.index_select(0, back[:, -1].to(images.device, non_blocking=True))


@functools.lru_cache(maxsize=32)
def _by_bin(magnitudes: Magnitudes, size: tuple[int, int]) -> Tensor:
    """Return the magnitude of each operation and bin, float64."""
    return torch.stack([magnitudes(name, size) for name in OPERATIONS])


def _ends(operation: Tensor) -> list[list[int]]:
    """Return, a stage, where no operation ends in the sorted `operation` (n, stages), then each."""
    names = torch.arange(-1, len(OPERATIONS)).expand(operation.shape[1], -1)
    ends = torch.searchsorted(operation.T.contiguous(), names.contiguous(), right=True)
    return ends.tolist()


def _affine_sources(images: Tensor, drawn: Policy, by_bin: Tensor) -> tuple[Tensor, Tensor]:
    """Return sources for each distinct geometric operation of `drawn`, and whose is whose.

    Both stages share them, and a searched policy has but a few.
    """
    bins = by_bin.shape[1]
    key = (drawn.operation * bins + drawn.bin) * 2 + (drawn.sign < 0)
    geometric = (drawn.operation >= 0) & (drawn.operation < len(AFFINE))
    distinct, inverse = torch.unique(key[geometric], return_inverse=True)
    which = torch.zeros_like(key)
    which[geometric] = inverse
    kinds = distinct // (2 * bins)
    magnitude = by_bin.flatten()[distinct // 2] * (1 - 2 * (distinct % 2))
    size = (images.shape[2], images.shape[3])
    matrices = [
        function(magnitude[kinds == kind], size)
        for kind, function in enumerate(AFFINE.values())
        if (kinds == kind).any()
    ]
    if not matrices:
        return torch.empty(0), which
    return affine.find_sources(torch.cat(matrices), images), which
