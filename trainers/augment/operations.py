"""Fourteen operations on whole uint8 batches, each sample with its own one.

Samples are grouped by operation: the geometric ones share one resampling, those of grey levels
one look-up, so that a batch takes a few calls whatever its size. The draw is made on the CPU
and needs no answer from the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment import affine, tables
from darkmagic.trainers.augment.blend import color, sharpness

__all__ = ["OPERATIONS", "SIGNED", "Magnitudes", "Policy", "apply_policy", "draw_signs"]

AFFINE: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "ShearX": affine.shear_x,
    "ShearY": affine.shear_y,
    "TranslateX": affine.translate_x,
    "TranslateY": affine.translate_y,
    "Rotate": affine.rotate,
}
TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": tables.brightness,
    "Contrast": tables.contrast,
    "Posterize": tables.posterize,
    "Solarize": tables.solarize,
    "AutoContrast": tables.autocontrast,
    "Equalize": tables.equalize,
    "Invert": tables.invert,
}
BLENDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"Color": color, "Sharpness": sharpness}
OPERATIONS = [*AFFINE, *TABLES, *BLENDS]
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
    images = images.clone()
    size = (images.shape[2], images.shape[3])
    by_bin = torch.stack([magnitudes(name, size) for name in OPERATIONS])
    for stage in range(policy.operation.shape[1]):
        operation, sign = policy.operation[:, stage], policy.sign[:, stage]
        magnitude = by_bin[operation, policy.bin[:, stage]] * sign
        for family in (_affine, _tables, _blends):
            family(images, operation, magnitude)
    return images


def _groups(names: dict[str, Callable[..., Tensor]], operation: Tensor) -> dict[str, Tensor]:
    """Return the samples of each operation that any sample drew, as indices on the CPU."""
    drawn = {name: torch.nonzero(operation == OPERATIONS.index(name)).flatten() for name in names}
    return {name: samples for name, samples in drawn.items() if len(samples)}


def _affine(images: Tensor, operation: Tensor, magnitude: Tensor) -> None:
    groups = _groups(AFFINE, operation)
    if not groups:
        return
    size = (images.shape[2], images.shape[3])
    matrices = torch.cat([AFFINE[name](magnitude[s], size) for name, s in groups.items()])
    samples = torch.cat(list(groups.values())).to(images.device, non_blocking=True)
    images[samples] = affine.affine(images[samples], matrices)


def _tables(images: Tensor, operation: Tensor, magnitude: Tensor) -> None:
    groups = _groups(TABLES, operation)
    if not groups:
        return
    samples = torch.cat(list(groups.values())).to(images.device, non_blocking=True)
    changed = images[samples]
    parts = torch.split(changed, [len(s) for s in groups.values()])
    looked_up = [
        TABLES[name](part, magnitude[s])
        for part, (name, s) in zip(parts, groups.items(), strict=True)
    ]
    images[samples] = tables.apply_tables(changed, torch.cat(looked_up))


def _blends(images: Tensor, operation: Tensor, magnitude: Tensor) -> None:
    for name, indices in _groups(BLENDS, operation).items():
        samples = indices.to(images.device, non_blocking=True)
        images[samples] = BLENDS[name](images[samples], magnitude[indices])
