"""Images reduced to a few numbers, and a search for the nearest ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["nearest", "thumbnails"]

THUMBNAIL_SIDE = 8  # pixels
CHUNK = 1024  # rows of a distance matrix at once


def thumbnails(images: Tensor, side: int = THUMBNAIL_SIDE) -> Tensor:
    """Return float32 (N, C * side * side), grey levels 0..255, of uint8 `images` (N, C, H, W)."""
    small = [
        F.adaptive_avg_pool2d(part.float(), (min(side, part.shape[2]), min(side, part.shape[3])))
        for part in torch.split(images, CHUNK)
    ]
    return torch.cat(small).flatten(1)


def nearest(queries: Tensor, points: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """Return, for each of `queries` (Q, D), the root mean square differences to its `count`
    nearest `points` (P, D), (Q, count), the smallest first, and their indices, int64.
    """
    found = []
    for part in torch.split(queries, CHUNK):
        distances = torch.cdist(part, points)  # exact for few rows, by a matrix product for many
        found.append(distances.topk(min(count, len(points)), largest=False))
    values = torch.cat([f.values for f in found]) / queries.shape[1] ** 0.5
    return values, torch.cat([f.indices for f in found])
