"""Tar shards in a repository: which of them are which split, and what their samples hold."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

from darkmagic.sweeps.starting.found import FoundData, described
from darkmagic.trainers.data.image_files.layout import SPLIT_NAMES, split_of
from darkmagic.trainers.data.image_files.scan import subfolders
from darkmagic.trainers.data.shards.index import choose_fields, index_shards

__all__ = ["look_at_shards"]

MAX_BYTES = 2**31
"""Of shards that are read through for what is in all of them; of larger sets the first shard is."""


def look_at_shards(path: Path) -> FoundData | None:
    """Return the data set in the shards at `path`: a shard, a folder of them, or of splits.

    None where there are none; `why` it has where their samples are not images with labels.
    """
    shards = _splits(path)
    if not shards:
        return None
    fields = {split: _pattern(found) for split, found in shards.items()}
    every = [shard for found in shards.values() for shard in found]
    some = every if sum(each.stat().st_size for each in every) <= MAX_BYTES else every[:1]
    try:
        chosen = choose_fields(str(some[0]), None, None, None, leave_out=False)
        samples = index_shards([str(each) for each in some], chosen, None)
    except ValueError as error:
        return FoundData("webdataset", path, fields, 0, (), why=str(error))
    counts = Counter(label for own in samples.of_image for label in own)
    notes = [f"{split}: {_counted(found)}" for split, found in shards.items()]
    notes.append(f"labels: {chosen.label}")
    if some != every:
        notes.append(f"looked at {some[0].name} alone: labels and sizes are those in there")
    images = [samples.images[index] for index in range(len(samples.images))]
    return described(
        "webdataset",
        path,
        fields,
        images,
        counts,
        notes,
        several=samples.several,
        whole=some == every,
    )


def _splits(path: Path) -> dict[str, list[Path]]:
    """Return the shards at `path` by split; all are train's where no name says another."""
    if path.is_file():
        return {"train": [path]}
    own = sorted(each for each in path.glob("*.tar") if each.name[0] != "." and each.is_file())
    found: dict[str, list[Path]] = {}
    if own:
        for shard in own:
            found.setdefault(_split_named(shard.stem) or "", []).append(shard)
    else:
        for name in subfolders(path):
            split = split_of(name)
            inner = sorted((path / name).glob("*.tar")) if split else []
            if split and inner:
                found.setdefault(split, []).extend(inner)
    if "train" not in found:
        return {"train": own} if own else {}
    named = {split: found[split] for split in SPLIT_NAMES if split in found}
    return named if "" not in found else {"train": own}


def _split_named(stem: str) -> str | None:
    """Return the split that a word of a shard's name is: of `imagenet-train-0007` it is train."""
    splits = {split for word in re.split(r"[\W\d_]+", stem) if word and (split := split_of(word))}
    return splits.pop() if len(splits) == 1 else None


def _pattern(shards: Sequence[Path]) -> str:
    """Return what names `shards` and no others: one, their folder, or what their names share."""
    if len(shards) == 1:
        return str(shards[0])
    folder = shards[0].parent
    others = sorted(folder.glob("*.tar"))
    if others == list(shards):
        return str(folder)
    alike = itertools.takewhile(
        lambda signs: len(set(signs)) == 1, zip(*(each.name for each in shards), strict=False)
    )
    name = re.sub(r"\d+$", "", "".join(signs[0] for signs in alike))
    pattern = f"{escape(name)}*.tar"
    if [each for each in others if fnmatchcase(each.name, pattern)] == list(shards):
        return str(folder / pattern)
    return str(folder / f"{{{','.join(each.name for each in shards)}}}")


def _counted(shards: Sequence[Path]) -> str:
    first, last = shards[0].name, shards[-1].name
    return first if len(shards) == 1 else f"{len(shards):,} shards from {first} to {last}"
