"""Torch data sets of (image, label), and Hugging Face's on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.huggingface import HuggingFace
from darkmagic.trainers.data.items import Items, as_data_set
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.mixup import Mixup


class Photos(Dataset[Any]):
    """Images and labels as a function of the index makes them."""

    def __init__(self, item: Callable[[int], Any], count: int = 20) -> None:
        self.item = item
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.item(index)


def _pixels(index: int, channels: int = 3) -> torch.Tensor:
    return torch.full((channels, 6, 4), 10 * index, dtype=torch.uint8)


SAME: dict[str, Callable[[int], Any]] = {
    "bytes": lambda i: (_pixels(i), i % 2),
    "floats": lambda i: (_pixels(i).float() / 255, torch.tensor(i % 2)),
    "arrays, channels last": lambda i: (_pixels(i).permute(1, 2, 0).numpy(), np.int64(i % 2)),
    "float arrays": lambda i: (_pixels(i).numpy() / 255, float(i % 2)),
    "PIL": lambda i: (Image.fromarray(_pixels(i).permute(1, 2, 0).numpy()), str(i % 2)),
    "whole numbers": lambda i: (_pixels(i).long(), bool(i % 2)),
    "dictionaries": lambda i: {"image": _pixels(i), "label": i % 2},
    "with more": lambda i: [_pixels(i), i % 2, "a.jpg"],
}


@pytest.mark.parametrize("item", list(SAME.values()), ids=list(SAME))
def test_items_are_read_however_they_are_made(item: Callable[[int], Any]) -> None:
    """Pixels are uint8, channels first, to the level; labels are classes."""
    data = as_data_set(Photos(item)).load(split_seed=0)
    assert (data.classes, data.size, data.channels) == (("0", "1"), (6, 4), 3)
    for split in (data.train, data.val, data.test):
        assert isinstance(split.images, torch.Tensor)
        index = split.images[:, 0, 0, 0].long() // 10
        assert torch.equal(split.images, torch.stack([_pixels(int(i)) for i in index]))
        assert torch.equal(split.targets, index % 2)


def test_three_splits_and_names_of_classes() -> None:
    """Each of its own, and classes as `classes` names them, in that order."""
    sets = {name: Photos(lambda i: (_pixels(i), i % 2), 6) for name in ("train", "val", "test")}
    sets["train"].classes = ["zebra", "ant"]  # type: ignore[attr-defined]
    data = Items(**sets).load(split_seed=0)
    assert data.classes == ("zebra", "ant")
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 6, 6]
    assert data.train.targets.tolist() == [0, 1] * 3


def test_large_sets_are_read_as_they_are_needed() -> None:
    """Over the budget images stay where they are; labels that the set has are taken from there."""
    photos = Photos(lambda i: (_pixels(i), i % 2))
    data = Items(photos, memory_budget=100).load(split_seed=0)
    reads: list[int] = []
    counted = Photos(lambda i: (reads.append(i), photos.item(i))[1])
    counted.targets = [i % 2 for i in range(20)]  # type: ignore[attr-defined]
    same = Items(counted, memory_budget=100).load(split_seed=0)
    assert torch.equal(same.train.targets, data.train.targets)
    assert len(reads) < 25  # those of train for the scaling, and a few to compare
    counted.targets = [1 - i % 2 for i in range(20)]  # type: ignore[attr-defined]
    assert Items(counted, memory_budget=100).load(0).train.targets.equal(data.train.targets)
    assert not isinstance(data.train.images, torch.Tensor)
    seen = torch.stack([data.train.images[i] for i in range(len(data.train))])
    assert torch.equal(seen[:, 0, 0, 0].long() // 10 % 2, data.train.targets)


def _labels(index: int) -> torch.Tensor:
    return torch.tensor([index % 2, index % 3 == 0, 0]).float()


def test_several_labels_are_trained_on_and_mixed(tmp_path: Path) -> None:
    """With mixup; a label that no image has stays a column, and every metric of several works."""
    items = TensorDataset(
        torch.stack([_pixels(i, 1) for i in range(24)]),
        torch.stack([_labels(i) for i in range(24)]),
    )
    items.classes = ["odd", "third", "never"]  # type: ignore[attr-defined]
    for metric in ("accuracy", "map"):
        recipe = Recipe(
            as_data_set(items),
            SmallResNet,
            {"mixup": Mixup()},
            epochs=1,
            batch_size=8,
            device="cpu",
            metric=metric,
        )
        result = train(recipe, tmp_path)
        assert (result.status, result.classes, result.metric) == ("finished", None, metric)
        assert result.val_metric is not None
        (tmp_path / "checkpoint.pt").unlink()


REFUSED: dict[str, tuple[Any, str]] = {
    "no data set": (3, "int has no items; expected a torch Dataset"),
    "no items": (Photos(lambda i: (_pixels(i), 0), 0), r"train \(Photos\) has no items"),
    "images alone": (Photos(_pixels), r"train\[0\] is Tensor, and not \(image, label\)"),
    "no image": (Photos(lambda _: ("a.jpg", 0)), r"image of train\[0\] is str"),
    "no keys": (Photos(lambda i: {"x": _pixels(i), "y": 0}), r"train\[0\] has x, y: expected"),
    "normalised": (
        Photos(lambda i: (_pixels(i).float() - 3, i % 2)),
        "values from -3 to -3: .*leave Normalize out",
    ),
    "infinite": (Photos(lambda i: (_pixels(i) / 0.0, i % 2)), "values from nan|values from inf"),
    "too deep": (Photos(lambda i: (_pixels(i).int() + 300, i % 2)), "need 0 to 255"),
    "a batch": (Photos(lambda i: (_pixels(i)[None], i % 2)), r"is 1 x 3 x 6 x 4: expected \(C"),
    "sizes": (
        Photos(lambda i: (_pixels(i)[:, : 6 - i % 2], i % 2)),
        r"train\[1\] is 3 x 5 x 4, the first image 3 x 6 x 4",
    ),
    "a quantity": (Photos(lambda i: (_pixels(i), i / 7)), r"label of train\[1\] is 0.14"),
    "no label": (Photos(lambda i: (_pixels(i), None)), r"label of train\[0\] is None"),
    "one class": (Photos(lambda i: (_pixels(i), 0)), "one class only, 0"),
    "some lists": (Photos(lambda i: (_pixels(i), [0, 1] if i else 1)), "some labels are lists"),
    "raises": (Photos(lambda i: [][i]), r"train\[0\] of Photos: "),
}


@pytest.mark.parametrize(("source", "message"), list(REFUSED.values()), ids=list(REFUSED))
def test_bad_items_are_refused_in_one_line(source: Any, message: str) -> None:
    """What is wrong, of which item, and what is expected."""
    with pytest.raises(ValueError, match=message) as caught:
        as_data_set(source).load(split_seed=0)
    assert "\n" not in str(caught.value)


def test_random_transforms_are_doubted() -> None:
    """They would be drawn anew by every trial."""
    data = as_data_set(Photos(lambda i: (torch.rand(3, 4, 4), i % 2))).load(split_seed=0)
    assert any("differs each time" in doubt for doubt in data.doubts)


def test_sets_of_ours_stay_as_they_are() -> None:
    """A class with `load` is a data set already."""
    shapes = Shapes(count=20)
    assert as_data_set(shapes) is shapes


datasets = pytest.importorskip("datasets")


def _save(path: Path, labels: Sequence[Any], feature: Any, **splits: int) -> None:
    features = datasets.Features({"picture": datasets.Image(), "what": feature})
    made = {}
    for name, count in (splits or {"train": len(labels)}).items():
        images = [Image.new("RGB", (8, 6), (10 * i, 0, 0)) for i in range(count)]
        made[name] = datasets.Dataset.from_dict(
            {"picture": images, "what": list(labels[:count])}, features=features
        )
    datasets.DatasetDict(made).save_to_disk(str(path)) if splits else made["train"].save_to_disk(
        str(path)
    )


@pytest.mark.filterwarnings("ignore")
def test_hugging_face_sets_on_disk(tmp_path: Path) -> None:
    """One set or several splits, one label or several, with the names of the classes."""
    names = datasets.ClassLabel(names=["dog", "cat"])
    _save(tmp_path / "one", [i % 2 for i in range(20)], names)
    data = HuggingFace(str(tmp_path / "one"), size=4).load(split_seed=0)
    assert (data.classes, data.size, len(data.train)) == (("dog", "cat"), (4, 4), 14)
    assert data.notes[0] == "images: column 'picture'; labels: column 'what'"
    _save(tmp_path / "three", [i % 2 for i in range(9)], names, train=9, validation=4, test=3)
    data = HuggingFace(str(tmp_path / "three")).load(split_seed=0)
    assert [len(part) for part in (data.train, data.val, data.test)] == [9, 4, 3]
    assert data.size == (6, 8)
    several = [[0, 1] if i % 2 else [1] for i in range(20)]
    _save(tmp_path / "several", several, datasets.Sequence(names))
    data = HuggingFace(str(tmp_path / "several")).load(split_seed=0)
    assert data.multilabel
    assert data.classes == ("dog", "cat")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "nowhere"}, "no folder"),
        ({"path": "."}, "is no data set that save_to_disk wrote"),
        ({"path": "one", "label": "label"}, "no column 'label' .*picture, what"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_hugging_face_sets_are_refused(
    tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    """In one line with what to set."""
    _save(tmp_path / "one", [i % 2 for i in range(4)], datasets.ClassLabel(names=["a", "b"]))
    fields = {**fields, "path": str(tmp_path / fields["path"])}
    with pytest.raises(ValueError, match=re.compile(message)):
        HuggingFace(**fields).load(split_seed=0)


def test_split_of_labels_holds_out_some_of_each() -> None:
    """A rare label is in every split that it can be in."""
    labels = torch.zeros(100, 3, dtype=torch.uint8)
    labels[:, 0] = 1
    labels[::4, 1] = 1
    labels[5:10, 2] = 1
    from darkmagic.trainers.data.splits.split import split_in_three

    parts = split_in_three(Split(torch.zeros(100, 1, 1, 1), labels), 0.2, 0.2, 0)
    assert [int(part.targets[:, 2].sum()) for part in parts] == [3, 1, 1]
    assert sum(map(len, parts)) == 100
