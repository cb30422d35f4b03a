"""Tar shards: what WebDataset's own writer makes, and what is refused in one line."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from PIL import Image

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.few import Few
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shards import read
from darkmagic.trainers.data.webdataset import WebDataset

COUNT, SHARDS = 24, 3
ANIMALS = ("cat", "dog")

Sample = dict[str, Any]


def _picture(index: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (10 * index, 0, 255 - 10 * index))


def _sample(index: int, parts: Sample, *, image: bool = True) -> Sample:
    picture = {"png": _picture(index)} if image else {}
    return {"__key__": f"{index:06}", **picture, **parts}


def _cls(index: int) -> Sample:
    return {"cls": index % 2}


def _write(folder: Path, of: Callable[[int], Sample], first: int = 0, name: str = "train") -> Path:
    """Write 24 samples to three shards, by the writer of the package webdataset."""
    folder.mkdir(exist_ok=True)
    for shard in range(SHARDS):
        with webdataset.TarWriter(str(folder / f"{name}-{shard:03}.tar")) as writer:
            for index in range(shard * COUNT // SHARDS, (shard + 1) * COUNT // SHARDS):
                writer.write(_sample(first + index, of(first + index)))
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of whole-numbered classes."""
    return _write(tmp_path_factory.mktemp("shards"), _cls)


def _load(train: object, root: Path, **fields: Any) -> Data:
    return WebDataset(str(train), cache=str(root / "cache"), **fields).load(split_seed=0)


def _reds(split: Split) -> list[int]:
    return [int(split.images[index][0, 0, 0]) // 10 for index in range(len(split))]


def _labels(data: Data) -> dict[int, str]:
    """Return each image's labels by its index, which is its red."""
    found = {}
    for split in (data.train, data.val, data.test):
        for index, target in zip(_reds(split), split.targets, strict=True):
            own = [int(target)] if target.ndim == 0 else target.nonzero().flatten().tolist()
            found[index] = "|".join(data.classes[label] for label in own)
    return found


LABELS: dict[str, tuple[Callable[[int], Sample], dict[str, Any], Callable[[int], str]]] = {
    "whole numbers": (_cls, {}, lambda index: str(index % 2)),
    "from 7 on": (lambda index: {"cls": 7 + index % 2}, {}, lambda index: str(7 + index % 2)),
    "names": (
        lambda index: {"cls": ANIMALS[index % 2].encode()},
        {},
        lambda index: ANIMALS[index % 2],
    ),
    "JSON object": (
        lambda index: {"json": {"width": 8, "label": ANIMALS[index % 2]}},
        {},
        lambda index: ANIMALS[index % 2],
    ),
    "named key": (
        lambda index: {"json": {"label": index, "kind": index % 3}},
        {"key": "kind"},
        lambda index: str(index % 3),
    ),
    "named key beside cls": (
        lambda index: {"json": {"kind": index % 3}, "cls": index},
        {"key": "kind"},
        lambda index: str(index % 3),
    ),
    "named member": (
        lambda index: {"cls": index, "kind.txt": ANIMALS[index % 2]},
        {"label": "kind.txt"},
        lambda index: ANIMALS[index % 2],
    ),
    "names in a list": (
        lambda index: {"json": {"label": ["a", "b"][: index % 3]}},
        {},
        lambda index: ["", "a", "a|b"][index % 3],
    ),
    "vectors": (
        lambda index: {"json": {"label": [int(index % 2), int(index % 3 == 0)]}},
        {},
        lambda index: "|".join(
            name for name, has in zip("01", (index % 2, index % 3 == 0), strict=True) if has
        ),
    ),
}


@pytest.mark.parametrize(("of", "fields", "expected"), LABELS.values(), ids=LABELS)
def test_labels_of_samples_are_read(
    tmp_path: Path,
    of: Callable[[int], Sample],
    fields: dict[str, Any],
    expected: Callable[[int], str],
) -> None:
    """Numbers, names, values of JSON objects, and several labels: each image has its own."""
    data = _load(_write(tmp_path / "s", of), tmp_path, **fields)
    assert _labels(data) == {index: expected(index) for index in range(COUNT)}


PATTERNS: dict[str, str] = {
    "folder": "",
    "range": "train-{000..002}.tar",
    "range without zeros": "train-00{0..2}.tar",
    "names": "train-{000,001,002}.tar",
    "groups in a group": "train-{00{0..1},002}.tar",
    "stars": "train-*.tar",
    "question marks": "train-00?.tar",
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_patterns_name_the_same_shards(shards: Path, tmp_path: Path, pattern: str) -> None:
    """However shards are named, the data are the same, in the same order."""
    data = _load(shards / pattern, tmp_path)
    assert sorted(_labels(data)) == list(range(COUNT))
    whole = _load(shards, tmp_path)
    assert _reds(data.train) == _reds(whole.train)


@pytest.mark.filterwarnings("ignore")  # the package leaves its files open
def test_same_data_as_webdataset_reads(shards: Path, tmp_path: Path) -> None:
    """The package's own reader gives the same images and classes, in this order."""
    urls = [str(path) for path in sorted(shards.glob("*.tar"))]
    theirs = webdataset.WebDataset(urls, shardshuffle=False).decode("pil").to_tuple("png", "cls")
    pairs = [(image.getpixel((0, 0))[0] // 10, cls) for image, cls in theirs]
    data = _load(shards, tmp_path)
    assert sorted(pairs) == sorted((i, int(label)) for i, label in _labels(data).items())


def test_same_splits_and_pixels_as_a_folder(shards: Path, tmp_path: Path) -> None:
    """In memory and read as needed: images are those of the same set in folders, bit for bit."""
    for index in range(COUNT):
        path = tmp_path / "photos" / str(index % 2) / f"{index:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _picture(index).save(path)
    folder = Folder(str(tmp_path / "photos"), cache=str(tmp_path / "cache")).load(0)
    for budget in (2**31, 0):
        data = _load(shards, tmp_path, memory_budget=budget)
        assert isinstance(data.train.images, torch.Tensor) == (budget > 0)
        for name in ("train", "val", "test"):
            ours, theirs = getattr(data, name), getattr(folder, name)
            assert len(ours) == len(theirs)
            assert sorted(ours.targets.tolist()) == sorted(theirs.targets.tolist())
        for place, index in enumerate(_reds(data.train)):
            pixels = np.array(_picture(index)).transpose(2, 0, 1)
            assert torch.equal(data.train.images[place], torch.from_numpy(pixels))


def test_splits_of_their_own_shards(shards: Path, tmp_path: Path) -> None:
    """`val` and `test` are read where they are given, and train stays whole."""
    for name, first in (("val", 0), ("test", 1)):
        _write(tmp_path / name, _cls, first, name)
    data = _load(
        shards, tmp_path, val=str(tmp_path / "val"), test=str(tmp_path / "test" / "test-*.tar")
    )
    assert _reds(data.train) == list(range(COUNT))
    assert _reds(data.test) == list(range(1, COUNT + 1))
    assert "train as given, val as given, test as given" in data.notes
    assert "from 3 shards" in data.notes[0]


def test_order_of_members_does_not_matter(tmp_path: Path) -> None:
    """Members of a sample need not follow one another, as `tar` packs them in any order."""
    folder = _write(tmp_path / "s", _cls)
    expected = _labels(_load(folder, tmp_path))
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as tar:
            members = [(each, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]
        random.Random(0).shuffle(members)
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(tarfile.TarInfo("._ignored.png"))
            for member, content in members:
                member.name = f"{'long/' * 40}{member.name}"  # takes headers of its own
                tar.addfile(member, io.BytesIO(content))
    data = _load(folder, tmp_path)
    assert _labels(data) == expected
    assert any("members that are no files of a sample" in note for note in data.notes)


def test_shards_are_read_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second load reads none; after a change of one shard it reads that one alone."""
    folder = _write(tmp_path / "s", _cls)
    time.sleep(2.1)  # until they have settled
    opened: list[str] = []
    samples = read._samples

    def counted(tar: tarfile.TarFile, path: str, left_out: Any) -> Any:
        opened.append(Path(path).name)
        return samples(tar, path, left_out)

    monkeypatch.setattr(read, "_samples", counted)
    first = _load(folder, tmp_path, memory_budget=0)
    assert opened == [f"train-{shard:03}.tar" for shard in range(SHARDS)]
    opened.clear()
    again = _load(folder, tmp_path, memory_budget=0)
    assert opened == []
    assert _reds(again.train) == _reds(first.train)
    assert (again.mean, again.std) == (first.mean, first.std)
    with webdataset.TarWriter(str(folder / "train-001.tar")) as writer:
        for index in range(8, 15):  # one fewer
            writer.write(_sample(index, _cls(index)))
    changed = _load(folder, tmp_path, memory_budget=0)
    assert opened == ["train-001.tar"]
    assert sorted(_labels(changed)) == [index for index in range(COUNT) if index != 15]


def test_few_samples_for_a_dry_run(shards: Path) -> None:
    """A dry run takes a few of each split, with the size and classes of all."""
    data = Few(WebDataset(str(shards)), count=4).load(0)
    assert (len(data.train), data.classes, data.size) == (4, ("0", "1"), (8, 8))


def _one(path: Path, of: Callable[[int], Sample], *, image: bool = True) -> None:
    with webdataset.TarWriter(str(path)) as writer:
        for index in range(8):
            writer.write(_sample(index, of(index), image=image))


def _cut(path: Path, at: float) -> None:
    path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * at)])


def _changed_at(path: Path, block: int) -> None:
    content = bytearray(path.read_bytes())
    content[512 * block : 512 * block + 100] = b"x" * 100
    path.write_bytes(content)


def _twice(path: Path) -> None:
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("000008.png"))


SPOILED: dict[str, tuple[Callable[[Path], object], dict[str, Any], str]] = {
    "missing": (Path.unlink, {"train": "train-{000..002}.tar"}, "no shard .*train-001.tar.*1 of 3"),
    "empty": (lambda path: path.write_bytes(b""), {}, "train-001.tar is empty"),
    "cut in a member": (lambda path: _cut(path, 0.31), {}, "train-001.tar is damaged at byte"),
    "header written over": (
        lambda path: _changed_at(path, 4),
        {},
        "train-001.tar is damaged at byte 2,048: no member starts there",
    ),
    "first header written over": (lambda path: _changed_at(path, 0), {}, "is no tar archive"),
    "gzip": (
        lambda path: path.write_bytes(gzip.compress(path.read_bytes())),
        {},
        "is a gzip file: unpack it with gunzip",
    ),
    "zip": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(600)), {}, "is a zip archive"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), {}, "cannot read .*train-001.tar"),
    "a member twice": (_twice, {}, "has 000008.png twice"),
    "no samples": (lambda path: tarfile.open(path, "w").close(), {}, "has no samples, such as"),
    "no image": (
        lambda path: _one(path, lambda index: {"a.txt": "no", **_cls(index)}, image=False),
        {},
        "sample 000000 has no image, but a.txt, cls; mend it, or set .*missing=leave_out",
    ),
    "no label": (
        lambda path: _one(path, lambda index: {} if index == 5 else _cls(index)),
        {},
        "train-001.tar: sample 000005 has no cls, but png; mend it",
    ),
    "empty label": (
        lambda path: _one(path, lambda index: {"cls": b"" if index == 5 else b"1"}),
        {},
        "sample 000005 has no cls",
    ),
    "two images": (
        lambda path: _one(path, lambda index: {**_cls(index), "mask.png": _picture(0)}),
        {},
        "sample 000000 has several images, mask.png, png: set dataset.source.image",
    ),
    "label of bytes": (
        lambda path: _one(path, lambda _: {"cls": b"\xff\xfe"}),
        {},
        r"sample 000000: cls is no text: b'\\xff\\xfe'",
    ),
    "label of lines": (
        lambda path: _one(path, lambda _: {"cls": b"a cat\nand a dog"}),
        {},
        "cls has several lines",
    ),
    "no JSON": (
        lambda path: _one(path, lambda _: {"json": b"{"}),
        {"label": "json"},
        "train-000.tar: sample 000000 has no json",
    ),
    "damaged image": (
        lambda path: _one(path, lambda index: {**_cls(index), "jpg": b"\xff\xd8 no"}, image=False),
        {},
        "cannot read 000000.* in .*train-001.tar",
    ),
    "other size": (
        lambda path: _one(path, lambda index: {**_cls(index), "bmp": _bmp()}, image=False),
        {},
        "000000 in .*train-001.tar is 9 x 9, the first image 8 x 8: set dataset.source.size",
    ),
}


def _bmp() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "bmp")
    return file.getvalue()


@pytest.mark.parametrize("budget", [2**31, 0], ids=["in memory", "as needed"])
@pytest.mark.parametrize(("spoil", "fields", "message"), SPOILED.values(), ids=SPOILED)
def test_bad_shard_is_refused_in_one_line(
    shards: Path,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    fields: dict[str, Any],
    message: str,
    budget: int,
) -> None:
    """A shard that is missing, damaged or of another kind, or a sample in it, is named."""
    shutil.copytree(shards, tmp_path / "s")
    spoil(tmp_path / "s" / "train-001.tar")
    fields = dict(fields)
    with pytest.raises(ValueError, match=message) as caught:
        _load(tmp_path / "s" / fields.pop("train", ""), tmp_path, memory_budget=budget, **fields)
    assert "\n" not in str(caught.value)


def test_shard_that_is_cut_anywhere_is_noticed(tmp_path: Path) -> None:
    """Wherever a shard ends, it is refused in one line, doubted, or whole."""
    folder = _write(tmp_path / "s", _cls)
    path = folder / "train-001.tar"
    content = path.read_bytes()
    for end in sorted({*range(0, len(content), 1500), *range(0, len(content), 1024)}):
        path.write_bytes(content[:end])
        said, labels = "", list[int]()
        try:
            data = _load(folder, tmp_path, memory_budget=0)
            said, labels = "; ".join(data.doubts), sorted(_labels(data))
        except ValueError as error:
            said = str(error)
        assert "\n" not in said
        assert "train-001.tar" in said or labels == list(range(COUNT))


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no folder": ("nothing/train-{000..002}.tar", {}, r"no shard .*\(dataset.source.train="),
    "other name": ("valid-000.tar", {}, "has 3 shards from train-000.tar to train-002.tar"),
    "one brace": ("train-{000..002.tar", {}, "has a brace without its other"),
    "downwards": ("train-{002..000}.tar", {}, "counts from 002 to 000: expected up"),
    "neither": ("train-{000}.tar", {}, "neither a range, such as"),
    "twice": ("train-00{1,1}.tar", {}, "names .*train-001.tar twice"),
    "no such member": ("", {"label": "txt"}, "sample 000000 has no txt, but cls, png"),
    "no such image": ("", {"image": "jpg;jpeg"}, "sample 000000 has no image, but cls, png"),
    "in two splits": ("", {"val": "train-002.tar"}, "is a shard of train and of val: keep one"),
}


@pytest.mark.parametrize(("train", "fields", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_words_are_refused_in_one_line(
    shards: Path, tmp_path: Path, train: str, fields: dict[str, Any], message: str
) -> None:
    """What is wrong, where, and what to set; nothing is kept of it."""
    fields = {**fields, **({"val": str(shards / fields["val"])} if "val" in fields else {})}
    with pytest.raises(ValueError, match=message) as caught:
        _load(shards / train, tmp_path, **fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://host/train-{000..002}.tar", "pipe:cat a.tar", "s3://a/b"])
def test_remote_shards_are_refused(url: str, tmp_path: Path) -> None:
    """Shards are read from files."""
    with pytest.raises(ValueError, match="copy them to a disk first"):
        _load(url, tmp_path)


def test_packed_shards_in_a_folder_are_named(tmp_path: Path) -> None:
    """A folder of *.tar.gz alone has no shards, and the line says why."""
    (tmp_path / "train-000.tar.gz").touch()
    with pytest.raises(ValueError, match=r"no \*.tar in .*, but \*.tar.gz: unpack these"):
        _load(tmp_path, tmp_path)


def test_samples_can_be_left_out(tmp_path: Path) -> None:
    """With missing=leave_out, samples without a label are counted and said."""
    folder = _write(tmp_path / "s", lambda index: {} if index in (3, 20) else _cls(index))
    data = _load(folder, tmp_path, missing="leave_out")
    assert sorted(_labels(data)) == [index for index in range(COUNT) if index not in (3, 20)]
    assert any("2 samples without cls" in doubt for doubt in data.doubts)


def test_shard_without_an_end_is_doubted(shards: Path, tmp_path: Path) -> None:
    """A shard that ends behind a whole member may be cut short: it is read, and said."""
    shutil.copytree(shards, tmp_path / "s")
    path = tmp_path / "s" / "train-002.tar"
    with tarfile.open(path) as tar:
        end = max(m.offset_data + -(-m.size // 512) * 512 for m in tar)
    path.write_bytes(path.read_bytes()[:end])
    data = _load(tmp_path / "s", tmp_path)
    assert any("train-002.tar has no end mark" in doubt for doubt in data.doubts)
    assert sorted(_labels(data)) == list(range(COUNT))


def test_names_of_every_sample_as_class_are_refused(tmp_path: Path) -> None:
    """A member whose text is another one in each sample has no classes."""
    folder = _write(tmp_path / "s", lambda index: {"json": json.dumps({"label": index}).encode()})
    with pytest.raises(ValueError, match="it is no member of classes"):
        _load(folder, tmp_path)
