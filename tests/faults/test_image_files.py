"""Image files of every kind are read as a viewer shows them, or refused by name."""

from __future__ import annotations

import io
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.decode import Decoder, ImageFiles
from darkmagic.trainers.data.image_files.pixels import check_header, describe_kinds, read_image
from darkmagic.trainers.preflight.files import unreadable_files
from image_sets import make_set, picture, save_images

DECODER = Decoder((8, 8), 3, fixed=True)
GREY = picture(0, 6, 10)
HALF = np.where(GREY > 127, 255, 0).astype(np.uint8)
SHAPE = np.zeros((6, 10), np.uint8)
SHAPE[2:4, 3:8] = 255  # opaque in the middle

Made = tuple[Image.Image, str, dict[str, object]]


def _alpha(colour: int, mode: str) -> Image.Image:
    """Return a shape of one colour that is drawn in alpha alone."""
    bands = [Image.fromarray(np.full_like(SHAPE, colour))] * (len(mode) - 1)
    return Image.merge(mode, [*bands, Image.fromarray(SHAPE)])


def _keyed(mode: str) -> Image.Image:
    """Return an image whose level or index is 7 where it is to be transparent, 0 elsewhere."""
    image = Image.fromarray(np.where(SHAPE, 0, 7).astype(np.uint8))
    if mode == "P":
        image = image.copy()
        image.putpalette([0] * 768)
    return image


def _rgb(grey: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(grey[..., None], 3, 2))


ON_WHITE = 255 - SHAPE  # black on white
SAME: dict[str, tuple[Made, np.ndarray]] = {
    "8-bit grey": ((Image.fromarray(GREY), "png", {}), GREY),
    "16-bit grey PNG": ((Image.fromarray(GREY.astype(np.uint16) * 257), "png", {}), GREY),
    "16-bit grey TIFF": ((Image.fromarray(GREY.astype(np.uint16) * 257), "tif", {}), GREY),
    "16-bit grey TIFF, big-endian": (
        (Image.fromarray((GREY.astype(np.uint16) * 257).astype(">u2")), "tif", {}),
        GREY,
    ),
    "16-bit grey PPM": ((Image.fromarray(GREY.astype(np.int32) * 257), "ppm", {}), GREY),
    "float TIFF": ((Image.fromarray(GREY.astype(np.float32) / 255), "tif", {}), GREY),
    "RGB": ((_rgb(GREY), "png", {}), GREY),
    "RGB TIFF": ((_rgb(GREY), "tiff", {}), GREY),
    "RGB BMP": ((_rgb(GREY), "bmp", {}), GREY),
    "palette": ((_rgb(GREY // 64 * 85).quantize(4), "png", {}), GREY // 64 * 85),
    "1-bit PNG": ((Image.fromarray(HALF).convert("1"), "png", {}), HALF),
    "1-bit TIFF": ((Image.fromarray(HALF).convert("1"), "tif", {}), HALF),
    "opaque RGBA": ((_rgb(GREY).convert("RGBA"), "png", {}), GREY),
    "opaque LA": ((Image.fromarray(GREY).convert("LA"), "png", {}), GREY),
    "LA icon": ((_alpha(0, "LA"), "png", {}), ON_WHITE),
    "RGBA icon": ((_alpha(0, "RGBA"), "png", {}), ON_WHITE),
    "RGBA icon, WebP": ((_alpha(0, "RGBA"), "webp", {"lossless": True}), ON_WHITE),
    "RGBA icon, TIFF": ((_alpha(0, "RGBA"), "tif", {}), ON_WHITE),
    "white RGBA icon": ((_alpha(255, "RGBA"), "png", {}), np.full_like(SHAPE, 255)),
    "palette with a transparent entry": ((_keyed("P"), "png", {"transparency": 7}), ON_WHITE),
    "palette with alpha": (
        (_keyed("P"), "png", {"transparency": bytes([255] * 7 + [0])}),
        ON_WHITE,
    ),
    "grey with a transparent level": ((_keyed("L"), "png", {"transparency": 7}), ON_WHITE),
    "RGB with a transparent colour": (
        (_rgb(np.where(SHAPE, 0, 7).astype(np.uint8)), "png", {"transparency": (7, 7, 7)}),
        ON_WHITE,
    ),
    "CMYK TIFF": ((_rgb(GREY).convert("CMYK"), "tif", {}), GREY),
}
"""What is saved, with its extension and options, and the grey picture that is to come back."""


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", SAME)
def test_pixels_are_those_that_a_viewer_shows(tmp_path: Path, kind: str, channels: int) -> None:
    """Deep pixels are scaled and not clipped, and what is transparent lies on white."""
    (image, extension, options), expected = SAME[kind]
    path = tmp_path / f"a.{extension}"
    image.save(path, **options)
    found = np.asarray(read_image(str(path), channels))
    if channels == 3:
        assert found.shape == (*expected.shape, 3)
        assert (found == found[..., :1]).all()
        found = found[..., 0]
    assert np.array_equal(found, expected)


def test_white_is_zero_in_some_scans(tmp_path: Path) -> None:
    """A 16-bit TIFF whose white is 0 is turned round, as PIL does for 8 bits."""
    path = tmp_path / "a.tif"
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)
    content = bytearray(path.read_bytes())
    entry = content.index(struct.pack("<HHI", 262, 3, 1))  # the photometric interpretation
    content[entry + 8 : entry + 10] = struct.pack("<H", 0)
    path.write_bytes(content)
    assert np.array_equal(np.asarray(read_image(str(path), 1)), 255 - GREY)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "packed.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(tmp_path: Path, orientation: int, extension: str) -> None:
    """An image of each EXIF orientation comes back as the picture that was taken."""
    taken = np.kron(np.array([[0, 80, 160], [255, 40, 200]], np.uint8), np.ones((16, 16), np.uint8))
    stored = {
        1: taken,
        2: taken[:, ::-1],
        3: taken[::-1, ::-1],
        4: taken[::-1],
        5: taken.T,
        6: np.rot90(taken, 1),
        7: taken[::-1, ::-1].T,
        8: np.rot90(taken, -1),
    }[orientation]
    image, exif = Image.fromarray(np.ascontiguousarray(stored)), Image.Exif()
    exif[274] = orientation
    options: dict[str, object] = {"quality": 95} if extension == "jpg" else {}
    if extension == "webp":
        image, options = image.convert("RGB"), {"lossless": True}
    if extension == "packed.tif":
        options = {"compression": "tiff_lzw"}
    path = tmp_path / f"a.{extension}"
    image.save(path, exif=exif, **options)
    found = np.asarray(read_image(str(path), 1)).astype(int)
    assert found.shape == taken.shape
    assert np.abs(found - taken).max() <= 4
    set_root = tmp_path / "set"
    for name in ("a", "b"):
        save_images(set_root / name, 5)
    for file in set_root.rglob("*.png"):
        file.unlink()
        image.save(file.with_suffix(f".{extension}"), exif=exif, **options)
    assert Folder(str(set_root), cache=str(tmp_path / "c")).load(0).size == taken.shape


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_broken_exif_does_not_spoil_the_image(tmp_path: Path) -> None:
    """A camera's EXIF that cannot be read leaves the pixels as they are stored."""
    path = tmp_path / "a.jpg"
    Image.fromarray(GREY).save(path, exif=b"Exif\0\0II*\0" + b"\xff" * 40)
    assert read_image(str(path), 1).size == (10, 6)


def _bomb(path: Path) -> None:
    """Write a PNG of a few bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "floats beyond 1": (
        lambda path: Image.fromarray(GREY.astype(np.float32)).save(path, "TIFF"),
        "float pixels from 0 to 255",
    ),
    "floats that are not finite": (
        lambda path: Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(path, "TIFF"),
        "not finite",
    ),
    "32-bit integers": (
        lambda path: Image.fromarray(GREY.astype(np.int32)).save(path, "TIFF"),
        "integers of 32 bits",
    ),
    "LAB": (lambda path: Image.new("LAB", (4, 4)).save(path, "TIFF"), "LAB"),
    "text": (lambda path: path.write_text("no image"), "not an image that PIL knows"),
    "nothing": (lambda path: path.write_bytes(b""), "not an image that PIL knows"),
    "a folder": (lambda path: path.mkdir(), "Is a directory"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "a bomb": (_bomb, "3,600,000,000 pixels, a decompression bomb"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    """The error is one line with the file and what is wrong with it."""
    make, words = REFUSED[kind]
    make(tmp_path / "odd.tif")
    with pytest.raises(ValueError, match=r"cannot read .*odd\.tif: ") as raised:
        read_image(str(tmp_path / "odd.tif"), 3)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert describe_kinds([str(tmp_path / "odd.tif")]) in ("", "LAB", "I") or "float" in kind


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp", "bmp", "ppm"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_spoilt_files_are_read_or_refused_and_nothing_else(tmp_path: Path, extension: str) -> None:
    """Files with bytes changed or cut off, by 60 seeds, give an image or a line with the name."""
    rng = np.random.default_rng(len(extension))
    whole = io.BytesIO()
    form = {"jpg": "JPEG", "tif": "TIFF"}.get(extension, extension.upper())
    _rgb(picture(1, 16, 16)).save(whole, form, exif=_exif())
    path = tmp_path / f"a.{extension}"
    for _ in range(60):
        content = np.frombuffer(whole.getvalue(), np.uint8).copy()
        places = rng.integers(0, min(len(content), 200), rng.integers(1, 6))
        content[places] = rng.integers(0, 256, len(places))
        path.write_bytes(content.tobytes()[: rng.integers(1, len(content) + 1)])
        try:
            said = f"cannot read a.x: {read_image(str(path), 3).mode}"
        except ValueError as error:
            said = str(error)
        assert re.fullmatch(r"cannot read .*a\.\w+: .+", said)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def test_preflight_names_what_training_refuses(tmp_path: Path) -> None:
    """The search for unreadable files finds refused and broken ones, and hangs at no FIFO."""
    root = make_set(tmp_path / "set", {"cat": 3, "dog": 3})
    REFUSED["floats beyond 1"][0](root / "cat" / "x.tif")
    _bomb(root / "dog" / "y.png")
    os.mkfifo(root / "dog" / "z.png")
    assert [path.name for path in unreadable_files(root)] == ["x.tif", "y.png"]


def test_unreadable_file_found_by_a_loader_is_named_in_one_line(tmp_path: Path) -> None:
    """A bad file of a set that is read while it trains ends it with its name, no traceback."""
    root = make_set(tmp_path / "set", {"cat": 6, "dog": 6})
    data = Folder(str(root), memory_budget=0).load(0)
    assert isinstance(data.train.images, torch.utils.data.Subset)
    (root / "dog" / "3.png").write_bytes(b"")
    every = Split(
        ImageFiles(sorted(map(str, root.rglob("*.png"))), DECODER), torch.zeros(12).long()
    )
    for workers in (0, 1):
        batches = Batches(every, 4, torch.device("cpu"), workers=workers)
        with pytest.raises(ValueError, match=r"^cannot read .*3\.png: .*$") as raised:
            list(batches.epoch(None))
        assert "\n" not in str(raised.value)


def _damage(path: Path, kind: str) -> str:
    """Damage an image file; return what is said of it."""
    if kind == "emptied":
        path.write_bytes(b"")
        return r"cannot read .*3\.png: not an image"
    if kind == "text":
        path.write_text("no image")
        return r"cannot read .*3\.png: not an image"
    if kind == "bomb":
        _bomb(path)
        return r"cannot read .*3\.png: .*bomb"
    Image.fromarray(picture(0, 9, 8)).save(path)
    return r"3\.png is 8 x 9, the first image 8 x 8"


@pytest.mark.parametrize("kind", ["emptied", "text", "bomb", "of another size"])
def test_bad_file_over_the_memory_budget_is_named_before_training(
    tmp_path: Path, kind: str
) -> None:
    """The start of every file is read once, and again where a file has changed."""
    root = make_set(tmp_path / "set", {"cat": 6, "dog": 6})
    words = _damage(root / "dog" / "3.png", kind)
    for _ in range(2):
        with pytest.raises(ValueError, match=words):
            Folder(str(root), memory_budget=0, cache=str(tmp_path / "cache")).load(0)
    Image.fromarray(picture(1)).save(root / "dog" / "3.png")
    for _ in range(2):
        Folder(str(root), memory_budget=0, cache=str(tmp_path / "cache")).load(0)
    assert len(list((tmp_path / "cache").rglob("*.checked"))) == 1


def test_sideways_photographs_have_the_size_that_they_are_shown_in(tmp_path: Path) -> None:
    """By their header as by their pixels."""
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.jpg"
        Image.fromarray(picture(0, 6, 10)).save(path, exif=exif)
        shown = read_image(str(path), 1)
        assert check_header(str(path)) == (shown.height, shown.width)


def test_large_images_are_said_once_with_a_name(tmp_path: Path) -> None:
    """PIL's own warning names no file; of larger ones still it refuses to read any."""
    for name in ("a", "b"):
        Image.new("1", (10_000, 9_500)).save(tmp_path / f"{name}.png")
    code = "from darkmagic.trainers.data.image_files.pixels import read_image\n"
    code += "for name in ('a', 'b'): print(read_image(f'{name}.png', 1).size)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("(10000, 9500)") == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("a.png has 95 megapixels")


def test_fifos_sockets_and_devices_are_left_out_and_named(tmp_path: Path) -> None:
    """What is no regular file is not opened, which might wait for ever, and is said to be left."""
    root = make_set(tmp_path / "set", {"cat": 5, "dog": 5})
    os.mkfifo(root / "cat" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(root / "dog")  # a socket's path is short
        server.bind("socket.png")
        data = Folder(str(root)).load(0)
    assert len(data.train) + len(data.val) + len(data.test) == 10
    assert any("2 that is a FIFO, a socket or a device" in doubt for doubt in data.doubts)


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    """Files and classes of other encodings are read, and shown with escapes."""
    root = make_set(tmp_path / "set", {"cat": 5, "dog": 5})
    other = os.path.join(os.fsencode(root), b"caf\xe9")  # noqa: PTH118 (bytes)
    os.rename(root / "dog", other)  # noqa: PTH104
    os.rename(other + b"/0.png", other + b"/\xff\xfe\x1b[2J.png")  # noqa: PTH104
    data = Folder(str(root), cache=str(tmp_path / "c")).load(0)
    again = Folder(str(root), cache=str(tmp_path / "c")).load(0)
    assert isinstance(data.train.images, torch.Tensor)
    assert isinstance(again.train.images, torch.Tensor)
    assert torch.equal(data.train.images, again.train.images)
    assert data.classes == ("caf\\udce9", "cat")
    "; ".join((*data.classes, *data.notes)).encode()


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """Images behind a link inside a class count, those reached twice once, and loops end."""
    root = make_set(tmp_path / "set", {"cat/old": 3, "dog": 5})
    save_images(tmp_path / "elsewhere" / "deep", 4, first=50)
    (root / "cat" / "new").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "all").symlink_to(root / "cat")
    (root / "cat" / "aged").symlink_to(root / "cat" / "old")
    data = Folder(str(root)).load(0)
    targets = torch.cat([data.train.targets, data.val.targets, data.test.targets])
    assert torch.bincount(targets).tolist() == [7, 5]


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda kept: kept.write_bytes(b""),
    "cut short": lambda kept: kept.write_bytes(kept.read_bytes()[:-100]),
    "cut in its header": lambda kept: kept.write_bytes(kept.read_bytes()[:20]),
    "other bytes": lambda kept: kept.write_bytes(b"\0" * 500),
    "of another shape": lambda kept: np.save(kept, np.zeros((3, 8, 8, 3), np.uint8)),
    "of another type": lambda kept: np.save(kept, np.zeros((10, 8, 8, 3), np.float32)),
    "pickled": lambda kept: np.save(kept, np.array([{}], object), allow_pickle=True),
    "half-written before": lambda kept: (
        kept.unlink(),
        kept.with_name(f"{kept.name}.part").write_bytes(b"x"),
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_spoilt_cached_arrays_are_decoded_again(tmp_path: Path, how: str) -> None:
    """A cached array that is not whole is replaced, and the images are what they were."""
    root = str(make_set(tmp_path / "set", {"cat": 5, "dog": 5}))
    before = Folder(root, cache=str(tmp_path / "c")).load(0).train.images
    (kept,) = (tmp_path / "c" / "images").glob("*.npy")
    whole = kept.read_bytes()
    SPOILT[how](kept)
    after = Folder(root, cache=str(tmp_path / "c")).load(0).train.images
    assert isinstance(before, torch.Tensor)
    assert isinstance(after, torch.Tensor)
    assert torch.equal(before, after)
    assert kept.read_bytes() == whole
    assert [path.name for path in kept.parent.glob("*.npy")] == [kept.name]


def test_cache_that_cannot_be_written_costs_no_trial(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Images are read all the same, and one line says that they are not kept."""
    root = str(make_set(tmp_path / "set", {"cat": 5, "dog": 5}))
    (tmp_path / "c").write_text("a file where the cache should be")
    data = Folder(root, cache=str(tmp_path / "c")).load(0)
    assert len(data.train) + len(data.val) + len(data.test) == 10
    assert "decoded images are not kept" in caplog.text
