"""Changes of a batch of float images (B, C, H, W) and its targets, as a training step has them.

`targets` are probabilities (B, K), or classes (B,) with `num_classes`; probabilities are returned.
Draws come from `generator`, a CPU's; without one, from torch's global one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.cutmix import CutMix, CutMixOrMixup
from darkmagic.trainers.tricks.cutout import Cutout
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.random_erasing import RandomErasing

__all__ = [
    "cutmix",
    "cutmix_or_mixup",
    "cutout",
    "mixup",
    "one_hot",
    "own_generator",
    "random_erasing",
]


def mixup(
    images: Tensor,
    targets: Tensor,
    alpha: float = 0.2,
    *,
    num_classes: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return blends of each image with another of the batch, weights from Beta(alpha, alpha).

    >>> images, g = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), torch.Generator().manual_seed(8)
    >>> mixed, targets = mixup(images, torch.tensor([0, 1]), 1.0, num_classes=2, generator=g)
    >>> mixed.flatten(), targets
    (tensor([0.5474, 0.4526]), tensor([[0.4526, 0.5474],
            [0.5474, 0.4526]]))
    """
    return _transform(Mixup(alpha), images, targets, num_classes, generator)


def cutmix(
    images: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    *,
    num_classes: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return images with a rectangle of another, of about 1 - lambda, from Beta(alpha, alpha).

    >>> images, g = torch.arange(2.0).reshape(2, 1, 1, 1), torch.Generator().manual_seed(8)
    >>> mixed, targets = cutmix(images.expand(2, 1, 4, 4), torch.eye(2), generator=g)
    >>> mixed.mean((1, 2, 3)), targets[0]
    (tensor([0.2500, 0.7500]), tensor([0.7500, 0.2500]))
    """
    return _transform(CutMix(alpha), images, targets, num_classes, generator)


def cutmix_or_mixup(
    images: Tensor,
    targets: Tensor,
    cutmix_alpha: float = 1.0,
    mixup_alpha: float = 0.2,
    *,
    num_classes: int | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the batch after one of `cutmix` and `mixup`, with even chances.

    >>> mixed, targets = cutmix_or_mixup(torch.rand(4, 3, 8, 8), torch.arange(4), num_classes=4)
    >>> mixed.shape, targets.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """
    trick = CutMixOrMixup(cutmix_alpha, mixup_alpha)
    return _transform(trick, images, targets, num_classes, generator)


def cutout(
    images: Tensor,
    pixels: int = 16,
    reference_size: int = 32,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return images with a blank square, of `pixels` a side where an image has `reference_size`.

    >>> g = torch.Generator().manual_seed(0)
    >>> (cutout(torch.ones(2, 1, 8, 8), pixels=16, generator=g) == 0).sum((1, 2, 3))
    tensor([16,  6])
    """
    return _images_only(Cutout(pixels, reference_size), images, generator)


def random_erasing(
    images: Tensor,
    probability: float = 0.5,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return images of which some have a rectangle of noise, `scale` of the area, of `ratio`.

    >>> g = torch.Generator().manual_seed(0)
    >>> erased = random_erasing(torch.ones(4, 1, 8, 8), generator=g)
    >>> (erased != 1).flatten(1).any(1)
    tensor([ True, False,  True,  True])
    """
    return _images_only(RandomErasing(probability, scale, ratio), images, generator)


def _transform(
    trick: Trick,
    images: Tensor,
    targets: Tensor,
    num_classes: int | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    _check_images(images, any_shape=isinstance(trick, Mixup))
    soft = one_hot(targets, num_classes).to(images.dtype)
    if len(soft) != len(images):
        raise ValueError(f"{len(images)} images and {len(soft)} targets: give one of each")
    return trick.transform_batch(images, soft, own_generator(generator))


def _images_only(trick: Trick, images: Tensor, generator: torch.Generator | None) -> Tensor:
    _check_images(images)
    targets = images.new_zeros(len(images), 1)
    return trick.transform_batch(images, targets, own_generator(generator))[0]


def _check_images(images: Tensor, *, any_shape: bool = False) -> None:
    if not isinstance(images, Tensor):
        raise TypeError(f"images are {type(images).__name__}; give a tensor of floats")
    if not images.is_floating_point() or not (images.dim() == 4 or (any_shape and images.dim())):
        raise ValueError(
            f"images are {images.dtype} {tuple(images.shape)}; give floats (B, C, H, W), as a "
            "network takes them"
        )


def one_hot(targets: Tensor, num_classes: int | None) -> Tensor:
    """Return probabilities (B, K) as they are, and classes (B,) as those of `num_classes`.

    Raises `ValueError` for classes without their number, or beyond it.

    >>> one_hot(torch.tensor([1, 0]), 2)
    tensor([[0., 1.],
            [1., 0.]])
    """
    if not isinstance(targets, Tensor):
        raise TypeError(f"targets are {type(targets).__name__}; give a tensor")
    if targets.dim() == 2 and targets.is_floating_point():
        return targets
    if targets.dim() != 1 or targets.is_floating_point():
        raise ValueError(
            f"targets are {targets.dtype} {tuple(targets.shape)}; give probabilities (B, K), or "
            "classes (B,) of whole numbers"
        )
    if num_classes is None:
        raise ValueError("targets are classes (B,); give num_classes=K, or probabilities (B, K)")
    try:
        return F.one_hot(targets.long(), num_classes).float()
    except RuntimeError:  # on a CPU; a GPU is not waited for
        raise ValueError(
            f"targets are classes from {targets.min()} to {targets.max()}; num_classes="
            f"{num_classes} has those from 0 to {num_classes - 1}"
        ) from None


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return `generator`, or a new one that torch's global one seeds.

    Raises `ValueError` for one of a GPU, whose draws are not a CPU's.
    """
    if generator is None:
        return torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator is {generator!r}; give torch.Generator().manual_seed({generator!r})"
            if isinstance(generator, int)
            else f"generator is {type(generator).__name__}; give torch.Generator()"
        )
    if generator.device.type != "cpu":
        raise ValueError(f"generator is of {generator.device}; give torch.Generator(), of the CPU")
    return generator
