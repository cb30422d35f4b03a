"""augmentation: how training images are varied, beyond the data set's own crop and flip.

What: `AutoAugment` applies a pair of operations (geometry, colour, contrast) drawn from a
policy that was searched for on ImageNet; `RandAugment` and `TrivialAugment` draw from the same
operations evenly. `Standard` jitters brightness, contrast and saturation, always in this order,
where torchvision draws one (contrast_brightness only the first two). The others do one thing
each: Gaussian noise, dropped pixels, rotation, a colour shift a channel, blur, or random crops
at several scales.
Why: a network that has seen an image in many guises learns what does not depend on them.
When it helps: policies in long schedules of networks with capacity to spare, by half a point
or more on ImageNet; in short ones they often cost accuracy. A single operation helps where it
makes the variation that test images have.
Conflicts: strong augmentation, mixup and high weight decay can be too much together. Rotation
and crops change the class of some things (a 6, a small part of a scene).
Source: Cubuk et al. 2019 (arXiv 1805.09501) for AutoAugment; Cubuk et al. 2020 (arXiv
1909.13719) for RandAugment; Mueller & Hutter 2021 (arXiv 2103.10158) for TrivialAugment; Howard
2013 (arXiv 1312.5402), section 2, for colour jitter, in the strength that is usual since (0.4);
Szegedy et al. 2015 (arXiv 1409.4842), section 6, for crops at several scales; Chen et al. 2020
(arXiv 2002.05709), appendix A, for blur; Bishop 1995 for noise; Vincent et al. 2008 for dropped
pixels.
Published:
- autoaugment against standard: +0.64; ResNet-50; ImageNet; 300 epochs, standard without colour
  jitter; PaddleClas, data augmentation docs, section 4
- autoaugment against standard: +1.3; ResNet-50; ImageNet; epochs not stated; Fast AutoAugment
  README, ImageNet table
- randaugment against none: +0.39; ResNet-50; ImageNet; 300 epochs, 2 operations, magnitude 5;
  PaddleClas, data augmentation docs, section 4
- randaugment against none: +0.42; ResNet-50; ImageNet; 90 epochs, 2 operations, severity 9;
  Composer, RandAugment card, table
- randaugment against none: +1.15; ResNet-50; ImageNet; 119 epochs, 2 operations, severity 9;
  Composer, RandAugment card, table
- randaugment against none: +1.01; ResNet-101; ImageNet; epochs not stated, 2 operations, severity
  9; Composer, RandAugment card, table
- trivialaugment against none: +0.31; ResNet-50; ImageNet; 90 epochs, best of 3; torchvision 2021
  recipe post, table of steps
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment import affine, noise
from darkmagic.trainers.augment.autoaugment import draw_policy, magnitudes
from darkmagic.trainers.augment.blur import blur
from darkmagic.trainers.augment.boxes import crop_boxes
from darkmagic.trainers.augment.color import draw_jitter, jitter
from darkmagic.trainers.augment.operations import Policy, apply_policy
from darkmagic.trainers.augment.randaugment import (
    draw_randaugment,
    draw_trivialaugment,
    even_magnitudes,
    wide_magnitudes,
)
from darkmagic.trainers.augment.resample import resize_boxes
from darkmagic.trainers.drawn_augmentation import Drawn, DrawnAugmentation, ImagesShape
from darkmagic.trainers.fields import number, pair, whole

__all__ = [
    "AutoAugment",
    "Blur",
    "ColourShift",
    "DroppedPixels",
    "Noise",
    "RandAugment",
    "RandomCrops",
    "Rotation",
    "Standard",
    "TrivialAugment",
]


@dataclass(frozen=True)
class AutoAugment(DrawnAugmentation):
    """AutoAugment's ImageNet policy.

    >>> images = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    >>> AutoAugment().augment(images, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 8, 8])
    """

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return draw_policy(shape[0], rng)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return apply_policy(images, Policy(*drawn), magnitudes)


@dataclass(frozen=True)
class RandAugment(DrawnAugmentation):
    """A number of `operations` in turn, all of one `magnitude` in 0..30.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> RandAugment(2, magnitude=9).augment(images, torch.Generator().manual_seed(1))[0, 0]
    tensor([[ 30,  41,  52,  63],
            [ 74,  85,  96, 107],
            [117, 128, 139, 150],
            [161, 172, 183, 194]], dtype=torch.uint8)
    """

    operations: int = whole(2, at_least=1)
    magnitude: int = whole(9, at_least=0, at_most=30)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return draw_randaugment(shape[0], rng, self.operations, self.magnitude)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return apply_policy(images, Policy(*drawn), even_magnitudes)


@dataclass(frozen=True)
class TrivialAugment(DrawnAugmentation):
    """One operation of any strength, from a wide range.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> TrivialAugment().augment(images, torch.Generator().manual_seed(3))[0, 0]
    tensor([[  0,  15,  30,  45],
            [ 60,  75,  90, 105],
            [120, 135, 150, 165],
            [180, 195, 210, 225]], dtype=torch.uint8)
    """

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return draw_trivialaugment(shape[0], rng)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return apply_policy(images, Policy(*drawn), wide_magnitudes)


@dataclass(frozen=True)
class Standard(DrawnAugmentation):
    """Colour jitter.

    >>> images = torch.full((4, 1, 1, 1), 100, dtype=torch.uint8)
    >>> Standard().augment(images, torch.Generator().manual_seed(0)).flatten()
    tensor([137, 116,  96, 133], dtype=torch.uint8)
    """

    brightness: float = number(0.4, at_least=0)
    contrast: float = number(0.4, at_least=0)
    saturation: float = number(0.4, at_least=0)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return draw_jitter(shape[0], rng, (self.brightness, self.contrast, self.saturation))

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return jitter(images, *drawn)


@dataclass(frozen=True)
class Noise(DrawnAugmentation):
    """Gaussian noise of `std` grey levels.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> Noise(std=16).augment(images, torch.Generator().manual_seed(0))[0, 0]
    tensor([[125,  95,  65, 109],
            [ 83,  78, 106, 113]], dtype=torch.uint8)
    """

    std: float = number(16.0, above=0)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return (noise.draw_noise(shape, self.std, rng),)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return noise.apply_noise(images, *drawn)


@dataclass(frozen=True)
class DroppedPixels(DrawnAugmentation):
    """Each pixel black with chance `share`.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> DroppedPixels(share=0.5).augment(images, torch.Generator().manual_seed(0))[0, 0]
    tensor([[  0, 100,   0,   0],
            [  0, 100,   0, 100]], dtype=torch.uint8)
    """

    share: float = number(0.1, above=0, below=1)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return (noise.draw_kept(shape, self.share, rng),)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return noise.apply_kept(images, *drawn)


@dataclass(frozen=True)
class Rotation(DrawnAugmentation):
    """Turned about the centre by up to `degrees` either way, black outside.

    >>> images = torch.full((1, 1, 4, 4), 100, dtype=torch.uint8)
    >>> Rotation(45).augment(images, torch.Generator().manual_seed(0))[0, 0]
    tensor([[  0, 100, 100,   0],
            [100, 100, 100, 100],
            [100, 100, 100, 100],
            [  0, 100, 100,   0]], dtype=torch.uint8)
    """

    degrees: float = number(15.0, above=0, at_most=180)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        drawn = torch.rand(shape[0], generator=rng, dtype=torch.float64)
        return ((2 * drawn - 1) * self.degrees,)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        size = (images.shape[2], images.shape[3])
        return affine.affine(images, affine.rotate(drawn[0], size))


@dataclass(frozen=True)
class ColourShift(DrawnAugmentation):
    """Up to `max_shift` grey levels more or less, a channel.

    >>> images = torch.full((1, 3, 1, 1), 100, dtype=torch.uint8)
    >>> ColourShift().augment(images, torch.Generator().manual_seed(0)).flatten()
    tensor([100, 113,  79], dtype=torch.uint8)
    """

    max_shift: float = number(25.0, above=0, at_most=255)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return (noise.draw_shift(shape, self.max_shift, rng),)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return noise.apply_shift(images, *drawn)


@dataclass(frozen=True)
class Blur(DrawnAugmentation):
    """Gaussian blur whose standard deviation is drawn evenly from `sigma`, in pixels.

    >>> images = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    >>> images[0, 0, 2, 2] = 250
    >>> Blur().augment(images, torch.Generator().manual_seed(0))[0, 0, 2]
    tensor([ 0, 31, 49, 31,  0], dtype=torch.uint8)
    """

    sigma: tuple[float, float] = pair((0.1, 2.0), above=0)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        low, high = self.sigma
        return (low + (high - low) * torch.rand(shape[0], generator=rng),)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return blur(images, *drawn)


@dataclass(frozen=True)
class RandomCrops(DrawnAugmentation):
    """A part of the image, of a share drawn evenly from `scale`, at the size of the whole.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> RandomCrops(scale=(0.5, 1.0)).augment(images, torch.Generator().manual_seed(0))[0, 0]
    tensor([[ 15,  24,  36,  45],
            [ 75,  84,  96, 105],
            [135, 144, 156, 165],
            [195, 204, 216, 225]], dtype=torch.uint8)
    """

    scale: tuple[float, float] = pair((0.5, 1.0), above=0, at_most=1)

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        return (crop_boxes(shape[0], (shape[2], shape[3]), rng, self.scale),)

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return resize_boxes(images, *drawn)
