"""Tables that look right and are not: each is refused in a line, or doubted before training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkmagic.trainers.data import Digits, Folder, HuggingFace, Items, Table

COUNT = 24
NAMES = [f"{number}.png" for number in range(COUNT)]
LABELS = [f"c{number % 3}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of small images."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in NAMES:
        Image.fromarray(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)).save(folder / name)
    return folder


def _table(photos: Path, splits: Sequence[str] | None = None, **fields: Any) -> Table:
    frame = pd.DataFrame({"image": NAMES, "label": LABELS})
    if splits is not None:
        frame["split"] = splits
    frame.to_csv(photos / "labels.csv", index=False)
    return Table(file=str(photos / "labels.csv"), **fields)


def test_column_of_splits_with_another_word_is_doubted(photos: Path) -> None:
    """Left aside silently, its test images would be trained on; named, its other rows go."""
    splits = ["train"] * 15 + ["val"] * 3 + ["test"] * 3 + ["extra"] * 3
    data = _table(photos, splits).load(0)
    (doubt,) = data.doubts
    assert doubt.startswith("column 'split' is not used, and splits are drawn: 'extra' in it")
    named = _table(photos, splits, split="split").load(0)
    assert [len(part.images) for part in (named.train, named.val, named.test)] == [15, 3, 3]
    assert "rows of the split 'extra'" in named.doubts[0]


@pytest.mark.parametrize(
    ("labels", "doubts"), [((0, 1, -1), 1), ((-1, 1), 0), ((0, 1), 0), ((1, 2), 0)]
)
def test_class_of_what_has_no_label_is_doubted(labels: Sequence[int], doubts: int) -> None:
    """Many sets write -1 where there is no label; -1 and 1 alone are two classes."""
    images = np.zeros((COUNT, 8, 8, 3), np.uint8)
    data = Items([(each, labels[n % len(labels)]) for n, each in enumerate(images)]).load(0)
    assert len([doubt for doubt in data.doubts if "-1 is taken as a class" in doubt]) == doubts


@pytest.mark.parametrize("splits", [["a", "b", "c"] * 8, ["0", "1"] * 12, None])
def test_column_that_is_called_as_splits_and_has_none_is_no_doubt(
    photos: Path, splits: list[str] | None
) -> None:
    """A column `split` of other words altogether is something else."""
    assert _table(photos, splits, label="label").load(0).doubts == ()


def test_table_without_a_line_of_names_is_refused(photos: Path) -> None:
    """Else its first image would be lost, and the others be called by it."""
    rows = [f"{name},{label}" for name, label in zip(NAMES, LABELS, strict=True)]
    (photos / "bare.csv").write_text("\n".join(rows))
    with pytest.raises(ValueError, match=re.escape("'0.png' in it is an image: put a line")):
        Table(file=str(photos / "bare.csv")).load(0)


@pytest.mark.parametrize("held", ["bytes", "as Hugging Face's"])
def test_table_with_the_images_themselves_says_what_reads_it(photos: Path, held: str) -> None:
    """One line without the bytes."""
    content = [(photos / name).read_bytes() for name in NAMES]
    cells: list[Any] = content
    if held != "bytes":
        cells = [{"bytes": each, "path": None} for each in content]
    pd.DataFrame({"image": cells, "label": LABELS}).to_parquet(photos / "inside.parquet")
    with pytest.raises(ValueError, match="'image' has the images themselves") as refused:
        Table(file=str(photos / "inside.parquet")).load(0)
    assert "dataset=huggingface" in str(refused.value)
    assert str(refused.value).isprintable()


def test_fractions_that_leave_nothing_are_named(photos: Path) -> None:
    """Of a table and of a folder: the line has both fields."""
    both = re.escape("val_fraction=0.9 and test_fraction=0.2 leave nothing to train on")
    with pytest.raises(ValueError, match=both):
        _table(photos, val_fraction=0.9).load(0)
    for name, label in zip(NAMES, LABELS, strict=True):
        (photos / "by_class" / label).mkdir(parents=True, exist_ok=True)
        (photos / "by_class" / label / name).write_bytes((photos / name).read_bytes())
    with pytest.raises(ValueError, match=both):
        Folder(root=str(photos / "by_class"), val_fraction=0.9).load(0)
    with pytest.raises(ValueError, match="val_fraction"):
        Digits(val_fraction=0.9)


def _saved(photos: Path, folder: Path, columns: Mapping[str, Sequence[str]]) -> HuggingFace:
    """Save a DatasetDict with these splits, each with the names of its columns."""
    datasets = pytest.importorskip("datasets")
    parts = {}
    for split, (image, label) in columns.items():
        rows = {image: [str(photos / name) for name in NAMES], label: LABELS}
        parts[split] = datasets.Dataset.from_dict(rows).cast_column(image, datasets.Image())
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    return HuggingFace(path=str(folder))


USUAL = ("image", "label")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"train": USUAL, "val": USUAL, "validation": USUAL},
            "has the splits val and validation, which are one of train",
        ),
        (
            {"train": USUAL, "test": ("image", "kind")},
            "the split test has no column 'label', which train has; it has: image, kind",
        ),
    ],
)
def test_splits_of_hugging_face_that_do_not_fit_are_refused(
    photos: Path, tmp_path: Path, columns: Mapping[str, Sequence[str]], message: str
) -> None:
    """Two that are one split, of which the last would count, and one with other columns."""
    with pytest.raises(ValueError, match=re.escape(message)):
        _saved(photos, tmp_path / "saved", columns).load(0)


def test_split_of_hugging_face_of_another_name_is_doubted(photos: Path, tmp_path: Path) -> None:
    """It is left out, and said to be."""
    saved = _saved(photos, tmp_path / "saved", {"train": USUAL, "unsupervised": USUAL})
    data = saved.load(0)
    assert data.doubts == ("left out: the split unsupervised",)
    assert len(data.train.images) + len(data.val.images) + len(data.test.images) == COUNT


def test_labels_of_another_number_than_the_first_are_refused() -> None:
    """0 and 1 of each label: items have as many of them, or the places would be other labels."""
    image = np.zeros((3, 8, 8), dtype=np.uint8)
    items = [(image, [1, 0, 1]), (image, [0, 1])] * 4
    with pytest.raises(ValueError, match=re.escape("train[1] has 2 numbers of 0 and 1, earlier")):
        Items(items).load(0)


def test_set_without_rows_is_refused(tmp_path: Path) -> None:
    """Such as one that a filter left nothing of."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    empty = datasets.Dataset.from_dict({"image": [], "label": []}, features=features)
    empty.save_to_disk(str(tmp_path / "set"))
    with pytest.raises(ValueError, match="save_to_disk wrote: no rows"):
        HuggingFace(path=str(tmp_path / "set")).load(0)
