"""Images that a data set of the user's hands over: their pixels are those of image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_image_files import SAME

from darkmagic.trainers.data.huggingface import HuggingFaceRows
from darkmagic.trainers.data.image_files.array_images import to_pixels

SIDEWAYS = np.kron(np.array([[0, 80], [255, 40], [9, 7]], np.uint8), np.ones((16, 16), np.uint8))


def _turned(path: Path) -> np.ndarray:
    """Write a photograph that lies on its side, and return it upright."""
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(SIDEWAYS, 1))).save(path, exif=exif)
    return SIDEWAYS


@pytest.mark.parametrize("kind", SAME)
def test_pixels_of_an_item_are_those_of_its_file(tmp_path: Path, kind: str) -> None:
    """Scaled and not clipped, on white, and of one channel where the image is grey."""
    (image, extension, options), expected = SAME[kind]
    image.save(tmp_path / f"a.{extension}", **options)
    with Image.open(tmp_path / f"a.{extension}") as opened:
        grey = opened.mode.startswith(("1", "L", "I", "F"))
        pixels, _ = to_pixels(opened, "train[0]")
    assert pixels.shape == (1 if grey else 3, *expected.shape)
    assert all(np.array_equal(channel, expected) for channel in pixels.numpy())


def test_item_stands_upright(tmp_path: Path) -> None:
    """As the EXIF orientation of its photograph says, which PIL leaves to others."""
    upright = _turned(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert np.array_equal(to_pixels(opened, "train[0]")[0][0].numpy(), upright)


def test_item_of_an_unknown_range_is_refused() -> None:
    """By its place and the kind of its pixels."""
    with pytest.raises(ValueError, match=r"the image of train\[3\]: pixels are integers of 32"):
        to_pixels(Image.fromarray(np.full((8, 8), 70_000, np.int32)), "train[3]")


def test_pixels_of_a_hugging_face_set_are_those_of_its_files(tmp_path: Path) -> None:
    """Of every kind, and upright."""
    datasets = pytest.importorskip("datasets")
    paths, expected = [], []
    for number, ((image, extension, options), shown) in enumerate(SAME.values()):
        paths.append(str(tmp_path / f"{number}.{extension}"))
        image.save(paths[-1], **options)
        expected.append(shown)
    paths.append(str(tmp_path / "turned.png"))
    expected.append(_turned(Path(paths[-1])))
    rows = datasets.Dataset.from_dict({"image": paths, "label": ["a"] * len(paths)})
    rows = rows.cast_column("image", datasets.Image())
    found = HuggingFaceRows(rows, "image", "label", None, 1, None)
    for index, shown in enumerate(expected):
        assert np.array_equal(np.asarray(found[index][0]), shown), paths[index]
