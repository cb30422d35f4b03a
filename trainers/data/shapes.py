"""A generated set of rendered shapes: something to pretrain on, and to try a sweep with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw

from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.split import split_in_three
from darkmagic.trainers.fields import check_fields, number, whole

__all__ = ["CLASSES", "Shapes"]

OVERSAMPLE = 8  # drawn this much larger and reduced, which smooths the edges


@dataclass(frozen=True)
class Shapes:
    """`count` images of `size` x `size`, ten classes in equal parts, drawn from `seed`.

    Place, scale, slant, grey levels and noise vary from image to image.

    >>> data = Shapes(count=100, size=8).load(split_seed=0)
    >>> data.train.images.shape, data.classes[:3]
    (torch.Size([60, 1, 8, 8]), ('disc', 'ring', 'square'))
    """

    count: int = whole(2000, at_least=1)
    size: int = whole(8, at_least=1)
    channels: int = whole(1, at_least=1)
    seed: int = whole(0, at_least=0)
    noise: float = number(0.05, at_least=0)  # standard deviation, as a share of the full range
    val_fraction: float = number(0.2, above=0, below=1)
    test_fraction: float = number(0.2, above=0, below=1)
    constraints: ClassVar[tuple[str, ...]] = ("val_fraction + test_fraction < 1",)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` and the fields alone."""
        rng = random.Random(self.seed)  # noqa: S311 (drawing, not secrets)
        drawn = np.stack([self._draw(i % len(CLASSES), rng) for i in range(self.count)])
        noise = np.random.default_rng(self.seed).normal(0, 255 * self.noise, drawn.shape)
        grey = np.clip(drawn + noise, 0, 255).astype(np.uint8)
        images = torch.from_numpy(grey)[:, None].expand(-1, self.channels, -1, -1).contiguous()
        whole = Split(images, torch.arange(self.count) % len(CLASSES))
        splits = split_in_three(whole, self.val_fraction, self.test_fraction, split_seed)
        return assemble(*splits, list(CLASSES), flip=False, pad=0)

    def _draw(self, cls: int, rng: random.Random) -> np.ndarray:
        """Return one image (size, size), float, 0..255."""
        side = self.size * OVERSAMPLE
        ground, ink = rng.uniform(0, 80), rng.uniform(150, 255)
        image = Image.new("F", (side, side), ground)
        radius = side * rng.uniform(0.28, 0.45)
        x, y = (rng.uniform(radius, side - radius) for _ in range(2))
        tilt = rng.uniform(-15, 15)
        list(CLASSES.values())[cls](_Pen(image, x, y, radius, tilt, ink))
        return np.asarray(image.resize((self.size, self.size), Image.Resampling.BOX))


class _Pen:
    """Draws polygons and discs in a shape's own coordinates: x and y in [-1, 1], tilted."""

    def __init__(
        self, image: Image.Image, x: float, y: float, radius: float, tilt: float, ink: float
    ) -> None:
        self._draw = ImageDraw.Draw(image)
        self._centre, self._radius, self._ink = (x, y), radius, ink
        self._ground = float(image.getpixel((0, 0)))  # type: ignore[arg-type]
        self._cos, self._sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))

    def _place(self, x: float, y: float) -> tuple[float, float]:
        turned = (self._cos * x - self._sin * y, self._sin * x + self._cos * y)
        return (
            self._centre[0] + self._radius * turned[0],
            self._centre[1] + self._radius * turned[1],
        )

    def polygon(self, *points: tuple[float, float], hole: bool = False) -> None:
        fill = self._ground if hole else self._ink
        self._draw.polygon([self._place(*point) for point in points], fill=fill)

    def bar(self, x0: float, y0: float, x1: float, y1: float, *, hole: bool = False) -> None:
        self.polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1), hole=hole)

    def disc(self, radius: float, *, hole: bool = False) -> None:
        (x, y), r = self._centre, self._radius * radius
        fill = self._ground if hole else self._ink
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)


def _disc(pen: _Pen) -> None:
    pen.disc(1)


def _ring(pen: _Pen) -> None:
    pen.disc(1)
    pen.disc(0.55, hole=True)


def _square(pen: _Pen) -> None:
    pen.bar(-0.8, -0.8, 0.8, 0.8)


def _frame(pen: _Pen) -> None:
    pen.bar(-0.9, -0.9, 0.9, 0.9)
    pen.bar(-0.45, -0.45, 0.45, 0.45, hole=True)


def _triangle(pen: _Pen) -> None:
    pen.polygon((0, -1), (0.95, 0.8), (-0.95, 0.8))


def _plus(pen: _Pen) -> None:
    pen.bar(-0.28, -1, 0.28, 1)
    pen.bar(-1, -0.28, 1, 0.28)


def _cross(pen: _Pen) -> None:
    pen.polygon((-1, -0.7), (-0.7, -1), (1, 0.7), (0.7, 1))
    pen.polygon((1, -0.7), (0.7, -1), (-1, 0.7), (-0.7, 1))


def _upright(pen: _Pen) -> None:
    pen.bar(-0.35, -1, 0.35, 1)


def _level(pen: _Pen) -> None:
    pen.bar(-1, -0.35, 1, 0.35)


def _corner(pen: _Pen) -> None:
    pen.bar(-0.9, -1, -0.3, 1)
    pen.bar(-0.9, 0.4, 0.9, 1)


CLASSES: dict[str, Callable[[_Pen], None]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "frame": _frame,
    "triangle": _triangle,
    "plus": _plus,
    "cross": _cross,
    "upright": _upright,
    "level": _level,
    "corner": _corner,
}
