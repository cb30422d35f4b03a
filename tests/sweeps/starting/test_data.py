"""What is seen of a repository's data, and the YAML that reads it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.starting.data import find_data, look_at
from darkmagic.sweeps.starting.write import (
    dataset_yaml,
    next_overrides,
    option_name,
    write_option,
)
from darkmagic.trainers.data.shards.patterns import find_shards


def _images(
    folder: Path, count: int = 4, size: tuple[int, int] = (8, 8), mode: str = "RGB"
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.new(mode, size, 9 * index).save(folder / f"{index}.png")


def _classes(folder: Path, **counts: int) -> None:
    for name, count in counts.items():
        _images(folder / name, count)


def _table(path: Path, rows: list[str], header: str = "image,label") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def _photos(root: Path) -> None:
    _classes(root / "data" / "photos", cat=4, dog=4)


def _splits(root: Path) -> None:
    for split in ("train", "Valid"):
        _classes(root / "images" / split, cat=4, dog=2)


def _csv(root: Path) -> None:
    _images(root / "img")
    _table(root / "labels.csv", [f"img/{i}.png,{'ab'[i % 2]}" for i in range(4)])


def _tags(root: Path) -> None:
    _images(root / "img")
    _table(root / "d" / "tags.csv", ["../img/0.png,a|b", "../img/1.png,a", "../img/2.png,b|a"])


def _hugging_face(root: Path) -> None:
    (root / "hf").mkdir()
    (root / "hf" / "dataset_dict.json").write_text("{}")


def _shard(path: Path, count: int = 6, **parts: bytes) -> None:
    """Write a shard of pictures, each with a class of two or with `parts`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for index in range(count):
            picture = io.BytesIO()
            Image.new("RGB", (8, 8), (9 * index, 0, 0)).save(picture, "png")
            label = parts or {"cls": b"ab"[index % 2 :][:1]}
            for name, content in {"png": picture.getvalue(), **label}.items():
                member = tarfile.TarInfo(f"{index:03}.{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _shards(root: Path) -> None:
    for name in ("train-000", "train-001", "val-000"):
        _shard(root / "shards" / f"{name}.tar")


def _shards_of_splits(root: Path) -> None:
    for name in ("train/0", "train/1", "validation/0"):
        _shard(root / "packed" / f"{name}.tar")


def _unsplit_shards(root: Path) -> None:
    for name in ("photos-0", "photos-1"):
        _shard(root / "photos" / f"{name}.tar")


SEEN: dict[str, tuple[Callable[[Path], None], str, tuple[str, ...]]] = {
    "folder of images": (_photos, "folder", ("cat", "dog")),
    "splits": (_splits, "folder", ("cat", "dog")),
    "table": (_csv, "table", ("a", "b")),
    "several labels": (_tags, "table", ("a", "b")),
    "Hugging Face": (_hugging_face, "huggingface", ()),
    "shards": (_shards, "webdataset", ("a", "b")),
    "shards of splits": (_shards_of_splits, "webdataset", ("a", "b")),
    "shards of no split": (_unsplit_shards, "webdataset", ("a", "b")),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKMAGIC_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize(("make", "option", "labels"), list(SEEN.values()), ids=list(SEEN))
def test_data_of_a_repository_is_found(
    tmp_path: Path, make: Callable[[Path], None], option: str, labels: tuple[str, ...]
) -> None:
    """One set, whatever else lies there, and YAML of it that names no more than was seen."""
    (tmp_path / "README.md").write_text("a repository")
    (tmp_path / "docs").mkdir()
    _images(tmp_path / "docs", 1)
    (tmp_path / "notes.csv").write_text("day,weather\n1,rain\n")
    (tmp_path / "package.json").write_text('{"name": "x"}')
    make(tmp_path)
    [found] = find_data(tmp_path)
    assert (found.option, found.labels, found.why) == (option, labels, "")
    name = option_name(found)
    written = yaml.safe_load(dataset_yaml(found, name, tmp_path))
    assert written["defaults"] == [option, "_self_"]
    assert written["name"] == name
    assert not any(str(value).startswith("/") for value in written["source"].values())


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["train-000", "train-001", "val-000"], {"train": "x/train-*.tar", "val": "x/val-000.tar"}),
        (["a", "b"], {"train": "x"}),
        (["train/0", "train/1", "test/0"], {"train": "x/train", "test": "x/test/0.tar"}),
        (
            ["im-train-1", "im-train-2", "im-val-1"],
            {"train": "x/im-train-*.tar", "val": "x/im-val-1.tar"},
        ),
        (
            ["1-train", "2-train", "1-val"],
            {"train": "x/{1-train.tar,2-train.tar}", "val": "x/1-val.tar"},
        ),
        (["train-0", "more-0"], {"train": "x"}),  # what else than a split would that be
        (["val-0", "val-1"], {"train": "x"}),
        (
            ["[a]-train-0", "[a]-train-1", "[a]-val-0"],
            {"train": "x/[[]a]-train-*.tar", "val": "x/[a]-val-0.tar"},
        ),
    ],
)
def test_shards_are_named_as_their_option_reads_them(
    tmp_path: Path, names: list[str], lines: dict[str, str]
) -> None:
    """Each split by its folder, by what its shards' names share, or one by one; and they load."""
    for name in names:
        _shard(tmp_path / "x" / f"{name}.tar")
    found = look_at(tmp_path / "x")
    assert found is not None
    assert (found.why, found.images, found.counts) == (
        "",
        6 * len(names),
        {"a": 3 * len(names), "b": 3 * len(names)},
    )
    source = yaml.safe_load(dataset_yaml(found, "x", tmp_path))["source"]
    assert source == lines
    read = {split: find_shards(str(tmp_path / pattern), split) for split, pattern in source.items()}
    assert sorted(Path(each).name for shards in read.values() for each in shards) == sorted(
        Path(f"{name}.tar").name for name in names
    )


def test_archives_that_hold_no_samples_are_no_data(tmp_path: Path) -> None:
    """Unless they are named: then what is missing is said."""
    _shard(tmp_path / "x" / "code.tar", 1, txt=b"1", md=b"2")
    assert find_data(tmp_path) == []
    found = look_at(tmp_path / "x" / "code.tar")
    assert found is not None
    assert "which member of a sample is the label?" in found.why


def test_sizes_and_grey_are_seen(tmp_path: Path) -> None:
    """Images of several sizes are brought to one, and grey ones have one channel."""
    for index, name in enumerate(("a", "b")):
        _images(tmp_path / "g" / name, 3, (100 + 50 * index, 80), "L")
    found = look_at(tmp_path / "g")
    assert found is not None
    assert found.fields == {"root": str(tmp_path / "g"), "size": 64, "channels": 1}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"a": 4, "b": 4}, "dataset=x model=resnet20 seeds=3"),
        ({"a": 44, "b": 4}, "dataset=x model=resnet20 metric=balanced_accuracy seeds=3"),
    ],
)
def test_next_command_has_what_suits(tmp_path: Path, counts: dict[str, int], words: str) -> None:
    """A small network for small images; a metric that rare classes count in where some are."""
    _classes(tmp_path / "x", **counts)
    found = look_at(tmp_path / "x")
    assert found is not None
    assert next_overrides(found, "x", Path("conf"), {}).endswith(words)


def test_table_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    """Where nothing else is there: the line that training would end with."""
    _table(tmp_path / "labels.csv", ["gone.png,a", "lost.png,b"])
    [found] = find_data(tmp_path)
    assert "2 of 2 images are not in" in found.why


def test_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """Unless it has the same lines, or that is asked for."""
    path = write_option(tmp_path, "x", "a: 1\n", force=False)
    assert write_option(tmp_path, "x", "a: 1\n", force=False) == path
    with pytest.raises(UserError, match="--force overwrites it"):
        write_option(tmp_path, "x", "a: 2\n", force=False)
    assert path.read_text() == "a: 1\n"
    write_option(tmp_path, "x", "a: 2\n", force=True)
    assert path.read_text() == "a: 2\n"


def test_names_are_words_that_hydra_takes(tmp_path: Path) -> None:
    """Also of folders called data, with blanks, or beginning with a number."""
    for folder, name in (("My Birds!", "my_birds"), ("2024", "my_2024"), ("p/data", "p")):
        _classes(tmp_path / folder, a=2, b=2)
        found = look_at(tmp_path / folder)
        assert found is not None
        assert option_name(found) == name


@pytest.mark.parametrize(
    "marks", [["report.html", "report.json"], ["config.yaml", "events.jsonl"], ["pyvenv.cfg"]]
)
def test_what_sweeps_and_environments_left_is_no_data(tmp_path: Path, marks: list[str]) -> None:
    """Whatever the folder is called, its tables and images are not looked at."""
    _photos(tmp_path / "mine")
    assert len(find_data(tmp_path)) == 1
    for name in marks:
        (tmp_path / "mine" / name).write_text("")
    _table(tmp_path / "mine" / "events.csv", ["1,2"], "type,time")
    assert find_data(tmp_path) == []


def test_column_that_may_be_of_patients_is_told(tmp_path: Path) -> None:
    """Before anything is trained: which field keeps the images of one together."""
    _images(tmp_path / "img", 12)
    rows = [f"img/{i}.png,{'ab'[i % 2]},p{i // 3}" for i in range(12)]
    _table(tmp_path / "labels.csv", rows, "image,label,patient")
    (found,) = find_data(tmp_path)
    assert any("dataset.source.group=patient" in note for note in found.notes)
