"""Augmentations of uint8 images (B, C, H, W), uint8 in and out, each image with draws of its own.

Draws come from `generator`, a CPU's; without one, from torch's global one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import (
    AutoAugment,
    Blur,
    ColourShift,
    DroppedPixels,
    Noise,
    RandAugment,
    RandomCrops,
    Rotation,
    Standard,
    TrivialAugment,
)
from darkmagic.tricks.batch import own_generator

__all__ = [
    "add_noise",
    "autoaugment",
    "blur",
    "colour_jitter",
    "drop_pixels",
    "randaugment",
    "random_crops",
    "rotate",
    "shift_colours",
    "trivialaugment",
]


def add_noise(
    images: Tensor, std: float = 16.0, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return `images` with Gaussian noise of `std` grey levels.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> add_noise(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([128., 129.])
    """
    return _augment(Noise(std), images, generator)


def autoaugment(images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return `images` after AutoAugment's ImageNet policy.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> autoaugment(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([128., 127.])
    """
    return _augment(AutoAugment(), images, generator)


def blur(
    images: Tensor,
    sigma: tuple[float, float] = (0.1, 2.0),
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return `images` blurred by a Gaussian, its deviation within `sigma` pixels.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> blur(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([128., 128.])
    """
    return _augment(Blur(sigma), images, generator)


def colour_jitter(
    images: Tensor,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return `images` with other brightness, contrast and saturation.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> colour_jitter(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([175., 149.])
    """
    return _augment(Standard(brightness, contrast, saturation), images, generator)


def drop_pixels(
    images: Tensor, share: float = 0.1, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return `images` whose pixels are black with chance `share`.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> drop_pixels(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([118., 114.])
    """
    return _augment(DroppedPixels(share), images, generator)


def randaugment(
    images: Tensor,
    operations: int = 2,
    magnitude: int = 9,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return `images` after `operations` in turn, all of one `magnitude` in 0..30.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> randaugment(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([ 98., 123.])
    """
    return _augment(RandAugment(operations, magnitude), images, generator)


def random_crops(
    images: Tensor,
    scale: tuple[float, float] = (0.5, 1.0),
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return `images` of which a part, within `scale`, is enlarged to the whole.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> random_crops(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([128., 128.])
    """
    return _augment(RandomCrops(scale), images, generator)


def rotate(
    images: Tensor, degrees: float = 15.0, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return `images` turned about their centre by up to `degrees` either way.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> rotate(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([112., 128.])
    """
    return _augment(Rotation(degrees), images, generator)


def shift_colours(
    images: Tensor, max_shift: float = 25.0, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return `images` with up to `max_shift` grey levels more or less, a channel.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> shift_colours(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([125., 121.])
    """
    return _augment(ColourShift(max_shift), images, generator)


def trivialaugment(images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return `images` after one operation each, of any strength.

    >>> images, g = torch.full((2, 3, 8, 8), 128, dtype=torch.uint8), torch.Generator()
    >>> trivialaugment(images, generator=g.manual_seed(0)).float().mean((1, 2, 3)).round()
    tensor([0., 0.])
    """
    return _augment(TrivialAugment(), images, generator)


def _augment(trick: Trick, images: Tensor, generator: torch.Generator | None) -> Tensor:
    if not isinstance(images, Tensor):
        raise TypeError(f"images are {type(images).__name__}; give a tensor of uint8")
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise ValueError(
            f"images are {images.dtype} {tuple(images.shape)}; give uint8 (B, C, H, W), before "
            "they are scaled"
        )
    return trick.augment(images, own_generator(generator))
