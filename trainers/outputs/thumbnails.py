"""An image as a text that a page can hold: small, and in the address itself."""

from __future__ import annotations

import base64
import io

from PIL import Image
from torch import Tensor

__all__ = ["thumbnail"]

MAX_SIDE = 64  # pixels
LOSSLESS_SIDE = 40
"""Pixels up to which an image is kept as it is: JPEG would blur it, and saves little."""


def thumbnail(image: Tensor) -> str:
    """Return a `data:` address of uint8 `image` (C, H, W), its longer side `MAX_SIDE` at most.

    Of other channels than one or three, their mean is shown.

    >>> thumbnail(torch.zeros(3, 8, 8, dtype=torch.uint8))[:22]
    'data:image/png;base64,'
    """
    if image.shape[0] not in (1, 3):
        image = image.float().mean(0, keepdim=True).byte()
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    picture = Image.fromarray(pixels[..., 0] if image.shape[0] == 1 else pixels)
    small = max(picture.size) <= LOSSLESS_SIDE
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    out = io.BytesIO()
    if small:
        picture.save(out, "PNG", optimize=True)
    else:
        picture.save(out, "JPEG", quality=80)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
