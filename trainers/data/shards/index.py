"""All samples of several shards, from an index that is kept beside the state of each shard."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.kept_entries import Entry, digest_of, kept_entries
from darkmagic.trainers.data.image_files.member import Members
from darkmagic.trainers.data.shards.read import BETWEEN, Fields, first_sample, read_shard

__all__ = ["Samples", "choose_fields", "index_shards"]


@dataclass(frozen=True)
class Samples:
    """The `images` of shards and the labels of each, in order.

    `several` says that a sample may have more than one, and `left_out` counts what else was there.
    """

    images: Members
    of_image: list[tuple[str, ...]]
    several: bool
    left_out: Counter[str]
    doubts: list[str]


def choose_fields(
    shard: str, image: str | None, label: str | None, key: str | None, *, leave_out: bool
) -> Fields:
    """Return which members are images and labels, by the first sample of `shard` where they are
    None. Raises `ValueError`, one line, where that is not plain.
    """
    wanted = tuple(part.lower().strip(". ") for part in image.split(";")) if image else ()
    if label is not None:
        return Fields(wanted, label.lower().strip(". "), key, leave_out)
    found = first_sample(shard)
    objects = [name for name in found if name.endswith("json")]
    if key is None and "cls" in found:
        return Fields(wanted, "cls", None, leave_out)
    if len(objects) == 1:
        return Fields(wanted, objects[0], key, leave_out)
    raise ValueError(
        f"which member of a sample is the label? set dataset.source.label; the first of "
        f"{printable(shard)} has {', '.join(map(printable, found))}"
    )


def index_shards(shards: Sequence[str], fields: Fields, cache: str | None) -> Samples:
    """Return the samples of `shards`, of which those that changed are read through.

    The index is kept under `cache`. Raises `ValueError`, one line, for a shard that cannot be used.
    """
    key = f"shards {fields} {BETWEEN.join(shards)}"
    entries, digest = kept_entries(key, "", shards, lambda path: read_shard(path, fields), cache)
    return _samples(entries, digest or digest_of(entries))


def _samples(entries: dict[str, Entry], digest: str) -> Samples:
    lists = [labels for entry in entries.values() for labels in _lists(entry)]
    of_image: list[tuple[str, ...]] = []
    names: list[str] = []
    vectors = _are_vectors(entries, lists)
    for entry in entries.values():
        classes = entry["classes"]
        alone = [(name,) for name in classes]
        for label in entry["labels"]:
            if isinstance(label, int):
                of_image.append(alone[label])
            elif vectors:
                places = (place for place, index in enumerate(label) if classes[index] == "1")
                of_image.append(tuple(map(str, places)))
            else:
                of_image.append(tuple(dict.fromkeys(classes[index] for index in label)))
        names += entry["names"].split(BETWEEN) if entry["names"] else []
    counts = [len(entry["offsets"]) for entry in entries.values()]
    doubts = [doubt for entry in entries.values() for doubt in entry["doubts"]]
    left_out: Counter[str] = Counter()
    for entry in entries.values():
        left_out.update(entry["left_out"])
    images = Members(
        [*entries],
        names,
        np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        _numbers(entries, "offsets"),
        _numbers(entries, "sizes"),
        digest,
    )
    return Samples(images, of_image, bool(lists), left_out, doubts)


def _lists(entry: Entry) -> list[list[int]]:
    return [label for label in entry["labels"] if not isinstance(label, int)]


def _are_vectors(entries: dict[str, Entry], lists: list[list[int]]) -> bool:
    """Whether labels are 0 and 1 of each class, and not the classes that a sample has."""
    values = {name for entry in entries.values() for name in entry["classes"]}
    lengths = {len(each) for each in lists}
    return values == {"0", "1"} and len(lengths) == 1 and min(lengths) > 1


def _numbers(entries: dict[str, Entry], field: str) -> np.ndarray:
    chained = itertools.chain.from_iterable(entry[field] for entry in entries.values())
    return np.fromiter(chained, dtype=np.int64)
