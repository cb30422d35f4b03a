"""Labels from tables: what is guessed, and what is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.few import Few
from darkmagic.trainers.data.table import Table

ANIMALS = ("cat", "dog")
NAMES = [f"{index}.png" for index in range(20)]
LABELS = [ANIMALS[index % 2] for index in range(20)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make twenty images, ten in a folder of their own."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for index in range(20):
        image = Image.new("RGB", (8, 8), (10 * index, 0, 0))
        image.save(folder / ("more" if index >= 10 else ".") / f"{index}.png")
    return folder


def _where(index: int) -> str:
    return f"more/{index}.png" if index >= 10 else f"{index}.png"


PATHS = [_where(index) for index in range(20)]
PAIRS = list(zip(PATHS, LABELS, strict=True))


def _load(photos: Path, name: str, content: str | bytes, **fields: Any) -> Data:
    path = photos / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Table(str(path), cache=str(photos / "cache"), **fields).load(split_seed=0)


def _csv(rows: list[tuple[str, ...]], header: str, delimiter: str = ",") -> str:
    return "\n".join([header, *(delimiter.join(row) for row in rows)]) + "\n"


def _labels_of(data: Data) -> dict[int, str]:
    """Return each image's labels, by its index, which is its red."""
    found = {}
    for split in (data.train, data.val, data.test):
        for image, target in zip(split.images, split.targets, strict=False):
            own = [int(target)] if target.ndim == 0 else target.nonzero().flatten().tolist()
            found[int(image[0, 0, 0]) // 10] = "|".join(data.classes[label] for label in own)
    return found


CSV = _csv(PAIRS, "file_name,label")
SAME = {
    "plain": ("a.csv", CSV),
    "semicolons": ("a.csv", _csv(PAIRS, "file_name;label", ";")),
    "tabs": ("a.tsv", _csv(PAIRS, "file_name\tlabel", "\t")),
    "bars": ("a.txt", _csv(PAIRS, "file_name|label", "|")),
    "byte order mark": ("a.csv", b"\xef\xbb\xbf" + CSV.encode()),
    "windows": ("a.csv", CSV.replace("\n", "\r\n")),
    "blanks and quotes": ("a.csv", _csv([(f'"{p}"', f" {c} ") for p, c in PAIRS], "path,class")),
    "empty rows": ("a.csv", CSV.replace("\n", "\n\n,\n")),
    "index of pandas": (
        "a.csv",
        _csv([(str(i), *pair) for i, pair in enumerate(PAIRS)], ",image,animal"),
    ),
    "other columns": (
        "a.csv",
        _csv([(c, "7", p) for p, c in PAIRS], "label,width,image"),
    ),
    "names in any folder": ("a.csv", _csv(list(zip(NAMES, LABELS, strict=True)), "id,breed")),
    "no extensions": (
        "a.csv",
        _csv([(n[:-4], c) for n, c in zip(NAMES, LABELS, strict=True)], "id,breed"),
    ),
    "backslashes": ("a.csv", _csv([(p.replace("/", "\\"), c) for p, c in PAIRS], "image,label")),
    "list of objects": ("a.json", json.dumps([{"image": p, "label": c} for p, c in PAIRS])),
    "mapping": ("a.json", json.dumps(dict(PAIRS))),
    "under a name": (
        "a.json",
        json.dumps({"info": {}, "rows": [{"file": p, "label": c} for p, c in PAIRS]}),
    ),
    "lines": ("a.jsonl", "\n".join(json.dumps({"file": p, "label": c}) for p, c in PAIRS)),
    "lines under .json": ("a.json", "\n".join(json.dumps({"f": p, "y": c}) for p, c in PAIRS)),
    "twice the same": ("a.csv", _csv([*PAIRS, *PAIRS[:3]], "image,label")),
}


@pytest.mark.parametrize(("name", "content"), list(SAME.values()), ids=list(SAME))
def test_same_labels_however_they_are_written(
    photos: Path, name: str, content: str | bytes
) -> None:
    """Kinds of files, delimiters and names of columns: one data set, and no empty row in it."""
    data = _load(photos, name, content)
    assert data.classes == ANIMALS
    assert _labels_of(data) == dict(enumerate(LABELS))
    assert (len(data.train), len(data.val), len(data.test)) == (14, 2, 4)
    assert not data.multilabel


def test_absolute_paths_and_another_root(photos: Path, tmp_path: Path) -> None:
    """Names are from the table's folder, from `root`, or absolute."""
    absolute = _csv([(str(photos / p), c) for p, c in PAIRS], "image,label")
    (tmp_path / "a.csv").write_text(absolute)
    (tmp_path / "b.csv").write_text(CSV)
    for file, root in (("a.csv", None), ("b.csv", str(photos))):
        data = Table(str(tmp_path / file), root=root, cache=str(tmp_path)).load(0)
        assert _labels_of(data) == dict(enumerate(LABELS))


def test_parquet_keeps_numbers_as_labels(photos: Path) -> None:
    """Whole numbers, also where gaps made them floats, and lists of several labels."""
    table = pa.table({"path": [*PATHS, None], "label": [*[float(i % 3) for i in range(20)], None]})
    pq.write_table(table, photos / "a.parquet")
    data = Table(str(photos / "a.parquet"), cache=str(photos / "cache")).load(0)
    assert data.classes == ("0", "1", "2")
    table = pa.table({"path": PATHS, "tags": [["x"] * (i % 2) + ["y"] for i in range(20)]})
    pq.write_table(table, photos / "b.parquet")
    data = Table(str(photos / "b.parquet"), cache=str(photos / "cache")).load(0)
    assert data.multilabel
    assert _labels_of(data)[1] == "x|y"


SEVERAL = ["a|b", "b", "", "a", "c|b"] * 4
WRITTEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bars": ("a.csv", _csv(list(zip(PATHS, SEVERAL, strict=True)), "image,tags"), {}),
    "blanks": (
        "a.csv",
        _csv([(p, s.replace("|", " ")) for p, s in zip(PATHS, SEVERAL, strict=True)], "image,tags"),
        {},
    ),
    "quoted commas": (
        "a.csv",
        _csv(
            [(p, f'"{s.replace("|", ", ")}"') for p, s in zip(PATHS, SEVERAL, strict=True)],
            "image,tags",
        ),
        {},
    ),
    "written lists": (
        "a.csv",
        _csv(
            [(p, f'"{s.split("|") if s else []}"') for p, s in zip(PATHS, SEVERAL, strict=True)],
            "image,tags",
        ),
        {},
    ),
    "named separator": (
        "a.csv",
        _csv([(p, s.replace("|", "/")) for p, s in zip(PATHS, SEVERAL, strict=True)], "image,tags"),
        {"separator": "/"},
    ),
    "columns of 0 and 1": (
        "a.csv",
        _csv(
            [(p, *(str(int(c in s)) for c in "abc")) for p, s in zip(PATHS, SEVERAL, strict=True)],
            "image,a,b,c",
        ),
        {},
    ),
    "columns that are named": (
        "a.csv",
        _csv(
            [
                (p, "x", *("yes" if c in s else "no" for c in "abc"))
                for p, s in zip(PATHS, SEVERAL, strict=True)
            ],
            "image,note,a,b,c",
        ),
        {"label": "a,b,c"},
    ),
    "lists": (
        "a.json",
        json.dumps(
            [{"image": p, "tags": s.split("|")} for p, s in zip(PATHS, SEVERAL, strict=True)]
        ),
        {},
    ),
    "a row each": (
        "a.csv",
        _csv(
            [(p, each) for p, s in zip(PATHS, SEVERAL, strict=True) for each in s.split("|")],
            "image,label",
        ),
        {"multilabel": True},
    ),
}


@pytest.mark.parametrize(("name", "content", "fields"), list(WRITTEN.values()), ids=list(WRITTEN))
def test_several_labels_however_they_are_written(
    photos: Path, name: str, content: str, fields: dict[str, Any]
) -> None:
    """Separated, in lists, in columns of their own or in rows: images with several labels."""
    data = _load(photos, name, content, **fields)
    assert data.multilabel
    assert data.classes == ("a", "b", "c")
    expected = {i: "|".join(sorted(s.split("|"))) for i, s in enumerate(SEVERAL)}
    assert _labels_of(data) == expected
    for split in (data.train, data.val, data.test):
        assert split.targets.dtype == torch.uint8
        assert len(split)


def test_splits_by_a_column(photos: Path) -> None:
    """As they are named; val is cut from train where there is none."""
    own = ["train" if i < 14 else "Testing" for i in range(20)]
    rows = [(*pair, split) for pair, split in zip(PAIRS, own, strict=True)]
    data = _load(photos, "a.csv", _csv(rows, "image,label,split"))
    assert (len(data.train), len(data.val), len(data.test)) == (12, 2, 6)
    tested = {int(image[0, 0, 0]) // 10 for image in data.test.images}  # type: ignore[union-attr]
    assert tested == set(range(14, 20))
    assert "column 'split'" in data.notes[0]


def test_numbers_are_labels_as_they_are_written(photos: Path) -> None:
    """007 and 7 are two, in the order of numbers, and doubted."""
    labels = ["10", "9", "007", "7"] * 5
    data = _load(photos, "a.csv", _csv(list(zip(PATHS, labels, strict=True)), "image,label"))
    assert data.classes == ("007", "7", "9", "10")
    assert any("'007', '7' are taken as different" in doubt for doubt in data.doubts)


def test_missing_images_are_left_out_where_that_is_asked_for(photos: Path) -> None:
    """And counted before training."""
    content = _csv([*PAIRS, ("gone.png", "cat")], "image,label")
    data = _load(photos, "a.csv", content, missing="leave_out")
    assert any("1 rows whose image is not there" in note for note in data.notes)
    assert sum(map(len, (data.train, data.val, data.test))) == 20


def test_rows_without_a_label_are_left_out_and_doubted(photos: Path) -> None:
    """Where an image has one label."""
    rows = [(p, c if i else "") for i, (p, c) in enumerate(PAIRS)]
    data = _load(photos, "a.csv", _csv(rows, "image,label"))
    assert data.doubts == ("left out: 1 rows without a label",)


def test_few_images_of_a_table_are_of_its_size_and_classes(photos: Path) -> None:
    """A dry run trains on the user's own images."""
    (photos / "a.csv").write_text(CSV)
    source = Table(str(photos / "a.csv"), size=[6, 4], cache=str(photos / "cache"))
    data = Few(source, count=3).load(split_seed=0)
    assert (len(data.train), data.size, data.classes) == (3, (6, 4), ANIMALS)


def _change(rows: list[tuple[str, str]], at: int, pair: tuple[str, str]) -> str:
    return _csv([pair if i == at else row for i, row in enumerate(rows)], "image,label")


REFUSED: dict[str, tuple[str, str | bytes, dict[str, Any], str]] = {
    "missing image": (
        "a.csv",
        _change(PAIRS, 3, ("gone.png", "cat")),
        {},
        r"1 of 20 images are not in .*: gone\.png \(row 5\); set dataset\.source\.root",
    ),
    "all missing": (
        "a.csv",
        _csv([(f"x{i}.png", c) for i, c in enumerate(LABELS)], "image,label"),
        {"missing": "leave_out"},
        r"20 of 20 images are not in .*dataset\.source\.root to the folder",
    ),
    "no name": ("a.csv", _change(PAIRS, 3, ("", "cat")), {}, r"no name \(row 5\)"),
    "wrong delimiter": (
        "a.csv",
        CSV,
        {"delimiter": ";"},
        "one column only, .*dataset.source.delimiter",
    ),
    "unknown delimiter": ("a.csv", CSV.replace(",", "~"), {}, "one column only"),
    "wrong column": ("a.csv", CSV, {"label": "lable"}, "no column 'lable' .*file_name, label"),
    "wrong image column": ("a.csv", CSV, {"image": "img"}, r"no column 'img'.*source\.image"),
    "one class": ("a.csv", _csv([(p, "cat") for p in PATHS], "image,label"), {}, "one class only"),
    "a quantity": (
        "a.csv",
        _csv([(p, f"{i * 1.7}") for i, p in enumerate(PATHS)], "image,label"),
        {},
        "20 different labels in 20 rows: it is no column of classes",
    ),
    "no labels": (
        "a.csv",
        _csv([(p, "") for p in PATHS], "image,label"),
        {},
        "no label in any row",
    ),
    "two labels": (
        "a.csv",
        _csv([*PAIRS, (PATHS[0], "dog")], "image,label"),
        {},
        "1 images have two labels, such as .*0.png: cat and dog.*multilabel=true",
    ),
    "unknown label": (
        "a.csv",
        _csv(
            [*[(*p, "train") for p in PAIRS[:18]], (PATHS[18], "cow", "test")], "image,label,split"
        ),
        {},
        r"test has labels that train has not: cow \(such as of .*18.png\); those of train are cat",
    ),
    "two splits": (
        "a.csv",
        _csv([*[(*p, "train") for p in PAIRS], (PATHS[0], "cat", "test")], "image,label,split"),
        {},
        r"is in the splits train \(row 2\) and test \(row 22\)",
    ),
    "which label": (
        "a.csv",
        _csv([(p, c, c, c) for p, c in PAIRS], "image,kind,animal,colour"),
        {},
        "set dataset.source.label; choose from: kind, animal, colour",
    ),
    "too many cells": ("a.csv", CSV + "a.png,cat,dog\n", {}, "line 22: 3 cells and 2 columns"),
    "same columns": ("a.csv", CSV.replace("file_name", "label"), {}, "two columns 'label'"),
    "header only": ("a.csv", "image,label\n", {}, "and no rows"),
    "empty": ("a.csv", "\n\n", {}, "is empty"),
    "not text": ("a.csv", b"\xff\xfe\x00a", {}, "is not UTF-8 text"),
    "bytes of 0": ("a.csv", b"image,label\0\n", {}, "bytes of 0"),
    "not JSON": ("a.json", "{", {}, "is no JSON"),
    "no table": ("a.json", "3", {}, "is no table: expected a list of objects"),
    "no objects": ("a.json", "[1, 2]", {}, "row 1 is no object"),
    "deep": ("a.json", "[" * 100_000, {}, "nested too deeply|is no JSON"),
    "bad line": ("a.jsonl", '{"image": "a"}\n{', {}, "line 2 is no JSON"),
    "no Parquet": ("a.parquet", "PAR1", {}, "is no Parquet file"),
    "no kind": ("a.xlsx", "x", {}, "choose a file of .csv"),
    "neither yes nor no": (
        "a.csv",
        _csv([(p, "1", "0" if i else "2") for i, p in enumerate(PATHS)], "image,a,b"),
        {"label": "a,b"},
        "column 'b', row 2: '2' says neither yes",
    ),
}


@pytest.mark.parametrize(
    ("name", "content", "fields", "message"), list(REFUSED.values()), ids=list(REFUSED)
)
def test_bad_table_is_refused_in_one_line(
    photos: Path, name: str, content: str | bytes, fields: dict[str, Any], message: str
) -> None:
    """What is wrong, where, and what to set."""
    with pytest.raises(ValueError, match=message) as caught:
        _load(photos, name, content, **fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [lambda p: p / "nothing.csv", lambda p: p / "more"])
def test_no_file_is_refused(photos: Path, make: Callable[[Path], Path]) -> None:
    """A file that is not there, and a folder."""
    with pytest.raises(ValueError, match=r"dataset\.source\.file"):
        Table(str(make(photos))).load(0)
