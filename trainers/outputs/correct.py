"""The file `val_correct.npy`: which validation images were right, a bit an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkmagic.trainers.outputs.durable import DamagedFileError, write_file
from darkmagic.trainers.outputs.names import CORRECT

__all__ = ["read_correct", "write_correct"]


def write_correct(directory: Path, correct: NDArray[np.bool_]) -> None:
    """Write which images were right, as numpy's `packbits` gives them, atomically."""
    write_file(directory / CORRECT, lambda file: np.save(file, np.packbits(correct)))


def read_correct(path: Path, images: int | None) -> NDArray[np.uint8] | None:
    """Return the packed bits in `path`, of `images` images; None if there is no file.

    Raises `DamagedFileError` for a file that is cut, or of another number of images.
    """
    try:
        bits = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        what = "is a folder" if path.is_dir() else "is cut short or no array"
        raise DamagedFileError(path, what) from error
    if not isinstance(bits, np.ndarray) or bits.dtype != np.uint8 or bits.ndim != 1:
        raise DamagedFileError(path, "holds no bits")
    if images is not None and len(bits) != -(-images // 8):
        raise DamagedFileError(path, f"is not of {images} images")
    return bits
