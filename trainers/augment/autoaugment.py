"""AutoAugment's ImageNet policy on whole batches, each sample with its own draw.

Samples are grouped by operation: the geometric ones share one resampling, those of grey levels
one look-up, so that a batch takes a few calls whatever its size. The draw is made on the CPU
and needs no answer from the device.

Source: Cubuk et al. 2019, "AutoAugment" (arXiv 1805.09501), appendix, table 9; the operations'
ranges are those of table 6, in 10 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment import affine, tables
from darkmagic.trainers.augment.blend import color, sharpness

__all__ = ["IMAGENET", "Policy", "apply_policy", "autoaugment", "draw_policy", "magnitudes"]

BINS = 10

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

# Two operations a sub-policy: name, probability, magnitude in 0..9 (0 where there is none).
IMAGENET = (
    (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
    (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Equalize", 0.4, 0), ("Rotate", 0.8, 8)),
    (("Solarize", 0.6, 3), ("Equalize", 0.6, 0)),
    (("Posterize", 0.8, 5), ("Equalize", 1.0, 0)),
    (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
    (("Equalize", 0.6, 0), ("Posterize", 0.4, 6)),
    (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
    (("Rotate", 0.4, 9), ("Equalize", 0.6, 0)),
    (("Equalize", 0.0, 0), ("Equalize", 0.8, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
    (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
    (("Sharpness", 0.4, 7), ("Invert", 0.6, 0)),
    (("ShearX", 0.6, 5), ("Equalize", 1.0, 0)),
    (("Color", 0.4, 0), ("Equalize", 0.6, 0)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
)


def magnitudes(operation: str, size: tuple[int, int]) -> Tensor:
    """Return the `BINS` magnitudes of `operation`, float64, for images of `size` (H, W)."""
    if operation == "Posterize":
        return 8 - (torch.arange(BINS) / ((BINS - 1) / 4)).round().double()
    height, width = size
    ranges = {
        "ShearX": (0, 0.3),
        "ShearY": (0, 0.3),
        "TranslateX": (0, 150 / 331 * width),
        "TranslateY": (0, 150 / 331 * height),
        "Rotate": (0, 30),
        "Solarize": (255, 0),
    }
    unbounded = (0, 0) if operation in ("AutoContrast", "Equalize", "Invert") else (0, 0.9)
    first, last = ranges.get(operation, unbounded)
    return torch.linspace(first, last, BINS).double()


@dataclass(frozen=True)
class Policy:
    """What happens to each of n samples in two stages, all (n, 2): the place of an operation in
    `OPERATIONS`, -1 for none; its magnitude's bin; and its sign, 1 or -1.
    """

    operation: Tensor
    bin: Tensor
    sign: Tensor


_OPERATION = torch.tensor([[OPERATIONS.index(op[0]) for op in pair] for pair in IMAGENET])
_PROBABILITY = torch.tensor([[op[1] for op in pair] for pair in IMAGENET])
_BIN = torch.tensor([[op[2] for op in pair] for pair in IMAGENET])
_SIGNED = torch.tensor([name in SIGNED for name in OPERATIONS])


def draw_policy(count: int, rng: torch.Generator) -> Policy:
    """Draw a sub-policy, two coins and two signs for each of `count` samples."""
    chosen = torch.randint(len(IMAGENET), (count,), generator=rng)
    heads = torch.rand(count, 2, generator=rng) < _PROBABILITY[chosen]
    operation = _OPERATION[chosen]
    negative = (torch.rand(count, 2, generator=rng) < 0.5) & _SIGNED[operation]
    return Policy(
        operation=torch.where(heads, operation, -1),
        bin=_BIN[chosen],
        sign=torch.where(negative, -1.0, 1.0),
    )


def apply_policy(images: Tensor, policy: Policy) -> Tensor:
    """Return `images` (n, C, H, W), uint8, as `policy` changes them."""
    images = images.clone()
    size = (images.shape[2], images.shape[3])
    by_bin = torch.stack([magnitudes(name, size) for name in OPERATIONS])
    for stage in range(2):
        operation, sign = policy.operation[:, stage], policy.sign[:, stage]
        magnitude = by_bin[operation, policy.bin[:, stage]] * sign
        for family in (_affine, _tables, _blends):
            family(images, operation, magnitude)
    return images


def autoaugment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return `images` (n, C, H, W), uint8, C being 1 or 3, each changed by its own draw."""
    return apply_policy(images, draw_policy(len(images), rng))


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
