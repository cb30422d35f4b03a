"""From an image file of any kind to 8-bit grey or RGB that shows what a viewer shows.

Deeper pixels are scaled by the range of their mode, not clipped; what is transparent is laid on
`BACKGROUND`; a photograph stands upright, as its EXIF orientation says; pixels whose range is
not known are refused by name.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.member import ImageFile, Member
from darkmagic.trainers.errors import short_message

__all__ = ["BACKGROUND", "SCALED", "as_shown", "check_header", "describe_kinds", "read_image"]

SCALED = "scaled to 8 bits"
"""What is said of pixels that had more."""
BACKGROUND = "white"
"""What is under transparent pixels, as on paper and on web pages."""

ORIENTATION, BITS_PER_SAMPLE, PHOTOMETRIC = 274, 258, 262  # tags of TIFF, the first of EXIF too
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image of each EXIF orientation upright."""
SIDEWAYS = {TURNS[orientation] for orientation in (5, 6, 7, 8)}
"""Those that change width and height."""

MAX_DESCRIBED = 16  # files whose headers are read to say of what kind a set is


def read_image(path: ImageFile, channels: int) -> Image.Image:
    """Return the image at `path` in mode L (1 of `channels`) or RGB (3).

    Raises `ValueError`, one line that names the file, for whatever cannot be read.
    """
    try:
        with Image.open(io.BytesIO(path.read()) if isinstance(path, Member) else path) as image:
            _note_if_large(path, image)
            _unscramble(image)
            image.load()
            return as_shown(image, channels)
    except Exception as error:  # PIL raises of every kind for files that are broken
        raise ValueError(f"cannot read {printable(path)}: {_reason(error)}") from error


def as_shown(image: Image.Image, channels: int) -> Image.Image:
    """Return `image` as a viewer shows it, in mode L (1 of `channels`) or RGB (3).

    Raises `ValueError` for pixels whose range is not known.
    """
    plain = _eight_bits(image).convert("L" if channels == 1 else "RGB")
    turn = TURNS.get(_orientation(image))
    return plain if turn is None else plain.transpose(turn)


warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
"""It names no file, and is said of each; `_note_if_large` says it once."""
_large: list[str] = []
"""The first large image that this process has read, which is all that is said of them."""


def _note_if_large(path: ImageFile, image: Image.Image) -> None:
    pixels = image.width * image.height
    if Image.MAX_IMAGE_PIXELS and pixels > Image.MAX_IMAGE_PIXELS and not _large:
        _large.append(str(path))
        logging.getLogger(__name__).warning(
            "%s has %d megapixels, and others may: they are decoded whole before they are resized, "
            "so make them smaller once (PIL refuses %d and more)",
            *(printable(path), pixels // 10**6, 2 * Image.MAX_IMAGE_PIXELS // 10**6),
        )


def _unscramble(image: Image.Image) -> None:
    """Let a TIFF that lies on its side be read row by row, and then turned.

    Pillow 13.0 reads uncompressed ones into rows of the turned image, which scrambles them.
    """
    stored = getattr(image, "_tile_size", None)
    if stored is not None:
        image._size = stored  # noqa: SLF001


@contextlib.contextmanager
def _open_start(path: ImageFile) -> Iterator[Image.Image]:
    """Give the image at `path`, of which no more is read than what is asked of it."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open()) if isinstance(path, Member) else path
        yield stack.enter_context(Image.open(file))


def check_header(path: ImageFile) -> tuple[int, int]:
    """Return height and width of an image as it is shown, from the start of its file alone.

    Raises `ValueError` as `read_image` does, but for what is wrong further on in the file.
    """
    try:
        with _open_start(path) as image:
            turned = TURNS.get(_orientation(image)) in SIDEWAYS
            return image.size if turned else (image.height, image.width)
    except Exception as error:  # PIL raises of every kind for files that are broken
        raise ValueError(f"cannot read {printable(path)}: {_reason(error)}") from error


def describe_kinds(files: Sequence[ImageFile]) -> str:
    """Return what kinds of pixels `files` have and what is done with them, by a few headers."""
    step = max(1, len(files) // MAX_DESCRIBED)
    kinds: Counter[str] = Counter()
    for index in range(0, len(files), step)[:MAX_DESCRIBED]:
        try:
            with _open_start(files[index]) as image:
                kinds[_kind(image)] += 1
        except Exception:  # noqa: BLE001, S112 (reading it, later, says what is wrong)
            continue
    return "; ".join(kind for kind, _ in kinds.most_common())


def _kind(image: Image.Image) -> str:
    most = _largest(image)
    if most is not None:
        kind = f"{most.bit_length()}-bit grey, {SCALED}"
    elif image.mode == "F":
        kind = f"float grey, 0 to 1 {SCALED}"
    else:
        kind = {"L": "8-bit grey", "1": "1-bit", "P": "palette"}.get(image.mode, image.mode)
    if _has_alpha(image):
        kind += f", what is transparent laid on {BACKGROUND}"
    if _orientation(image) in TURNS:
        kind += ", turned upright by EXIF"
    if getattr(image, "n_frames", 1) > 1:
        kind += ", the first of several frames"
    return kind


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return `image` in a mode of 8 bits without transparency."""
    most = _largest(image)
    if most is not None:
        return _scaled(image, most)
    if image.mode == "F":
        return _scaled_float(image)
    if image.mode == "I" or image.mode not in EIGHT_BITS:
        known = "integers of 32 bits or with a sign" if image.mode == "I" else image.mode
        raise ValueError(f"pixels are {known}; save the images as 8 or 16 bit grey or as RGB")
    if not _has_alpha(image):
        return image
    drawn = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, BACKGROUND), drawn)


EIGHT_BITS = {
    *("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "RGBX"),
    *("LA", "La", "PA", "RGBA", "RGBa"),
}


def _largest(image: Image.Image) -> int | None:
    """Return the largest value of a grey mode of more than 8 bits; None for other modes."""
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))
        return int(2 ** int(bits[0]) - 1)
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # older versions of PIL
        return 2**16 - 1
    return None


def _scaled(image: Image.Image, most: int) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    grey = (values * 255 + most // 2) // most
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:  # white is 0
        grey = 255 - grey
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey[values == key] = 255
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def _scaled_float(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("float pixels that are not finite")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"float pixels from {low:g} to {high:g}; scale them to 0..1, or save 8 or 16 bits"
        )
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0:
        values = 1 - values
    return Image.fromarray((values * 255 + 0.5).astype(np.uint8))


def _has_alpha(image: Image.Image) -> bool:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return True
    palette: Any = image.palette if image.mode == "P" else None
    return palette is not None and palette.mode.endswith("A")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 for upright; PIL turns TIFF files itself when it loads."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 (a camera's broken EXIF does not spoil its image)
        return 1


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image that PIL knows"
    if isinstance(error, Image.DecompressionBombError):
        pixels = re.search(r"\d+", str(error))
        size = f"{int(pixels[0]):,} pixels" if pixels else "too many pixels"
        return f"it has {size}, a decompression bomb or a scan that is to be made smaller first"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return printable(short_message(error))
