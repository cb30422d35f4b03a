"""torchvision's own operations, and images to compare on."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional as tv

from darkmagic.trainers.runtime.randomness import generator

__all__ = ["REFERENCE", "SHAPES", "random_images"]

NEAREST = transforms.InterpolationMode.NEAREST
SHAPES = [(1, 8, 8), (3, 32, 32), (3, 17, 24)]


def _affine(image: Tensor, **changes: object) -> Tensor:
    settings = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    return tv.affine(image, **{**settings, **changes}, interpolation=NEAREST, fill=[0.0])


REFERENCE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "ShearX": lambda i, m: _affine(i, shear=[math.degrees(math.atan(m)), 0.0], center=[0, 0]),
    "ShearY": lambda i, m: _affine(i, shear=[0.0, math.degrees(math.atan(m))], center=[0, 0]),
    "TranslateX": lambda i, m: _affine(i, translate=[int(m), 0]),
    "TranslateY": lambda i, m: _affine(i, translate=[0, int(m)]),
    "Rotate": lambda i, m: tv.rotate(i, m, interpolation=NEAREST, fill=[0.0]),
    "Brightness": lambda i, m: tv.adjust_brightness(i, 1 + m),
    "Contrast": lambda i, m: tv.adjust_contrast(i, 1 + m),
    "Color": lambda i, m: tv.adjust_saturation(i, 1 + m),
    "Sharpness": lambda i, m: tv.adjust_sharpness(i, 1 + m),
    "Posterize": lambda i, m: tv.posterize(i, int(m)),
    "Solarize": tv.solarize,
    "AutoContrast": lambda i, _: tv.autocontrast(i),
    "Equalize": lambda i, _: tv.equalize(i),
    "Invert": lambda i, _: 255 - i,
}


def random_images(shape: tuple[int, ...], count: int) -> Tensor:
    rng = generator(0, "images", *shape)
    return torch.randint(0, 256, (count, *shape), generator=rng, dtype=torch.uint8)
