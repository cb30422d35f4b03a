"""Images with labels of text, one or several each: as classes, and as three splits."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.text import printable
from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.assembly.stats import describe_sizes
from darkmagic.trainers.data.base import Data, Split, Stats
from darkmagic.trainers.data.splits.select import select
from darkmagic.trainers.data.splits.split import split_in_three, split_off
from darkmagic.trainers.data.tables.labels import alike, class_order

__all__ = ["Labelled", "split_labelled"]

MAX_NAMES = 3


@dataclass
class Labelled:
    """Images by `names`, each once, with its labels and its split, None where it has no own.

    With `several`, an image may have more than one label, or none. `groups` has a name for each
    image, or for none.
    """

    several: bool
    names: list[str] = field(default_factory=list)
    of_image: list[tuple[str, ...]] = field(default_factory=list)
    splits: list[str | None] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _left_out: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _contradicting: dict[str, tuple[str, str]] = field(default_factory=dict)

    def leave_out(self, what: str, count: int, *, doubt: bool = False) -> None:
        """Count what is not used; with `doubt` where it may have been meant."""
        if count:
            self._left_out[what, doubt] += count

    def add(
        self, name: str, labels: tuple[str, ...], split: str | None, row: int, group: str = ""
    ) -> None:
        """Add an image, or the labels of a further row of one that is there."""
        place = self._places.setdefault(name, len(self.names))
        if place == len(self.names):
            self.names.append(name)
            self.of_image.append(labels)
            self.splits.append(split)
            self._rows.append(row)
            if group:
                self.groups.append(group)
            return
        if group and group != self.groups[place]:
            raise ValueError(
                f"{printable(name)} is of {printable(self.groups[place])} (row "
                f"{self._rows[place]}) and of {printable(group)} (row {row}): keep one"
            )
        if split != self.splits[place]:
            raise ValueError(
                f"{printable(name)} is in the splits {self.splits[place]} (row "
                f"{self._rows[place]}) and {split} (row {row}): keep one"
            )
        before = self.of_image[place]
        if self.several:
            self.of_image[place] = tuple(dict.fromkeys((*before, *labels)))
        elif labels != before:
            self._contradicting.setdefault(name, (before[0], labels[0]))
        if labels == before or self.several:
            self.leave_out("further rows of an image", 0 if labels != before else 1)

    @property
    def labels(self) -> set[str]:
        """All labels that an image has."""
        return {label for labels in self.of_image for label in labels}

    def refuse_contradictions(self) -> None:
        """Raise `ValueError` where an image that is to have one label has two."""
        if not self._contradicting:
            return
        name, (one, other) = next(iter(self._contradicting.items()))
        raise ValueError(
            f"{len(self._contradicting):,} images have two labels, such as {printable(name)}: "
            f"{printable(one)} and {printable(other)}; keep one row of each, or set "
            "dataset.source.multilabel=true"
        )

    def doubt_alike(self) -> None:
        """Doubt labels that differ by capitals, blanks, encoding or zeros alone."""
        for same in alike(sorted(self.labels)):
            listed = ", ".join(map(repr, same[:MAX_NAMES]))
            self.doubts.append(f"{listed} are taken as different labels")

    def doubt_unlabelled(self) -> None:
        """Doubt a class -1 beside a class 0: many data sets write it where there is no label."""
        count = sum("-1" in labels for labels in self.of_image)
        if count and "0" in self.labels:
            self.doubts.append(
                f"-1 is taken as a class, of {count:,} images; where it says that there is no "
                "label, leave them out"
            )

    def notes(self, *, doubt: bool) -> list[str]:
        """Return what was left out, in a sentence, that may or may not have been meant."""
        counts = self._left_out.items()
        parts = [f"{n:,} {what}" for (what, is_doubt), n in counts if is_doubt is doubt]
        return [f"left out: {', '.join(parts)}"] if parts else []

    def group_numbers(self, own: Sequence[str]) -> Tensor | None:
        """Return the group of each image (N,), int64, None where there are none.

        `own` is the split of each. Raises `ValueError` for a group that is in two.
        """
        if not self.groups:
            return None
        first: dict[str, int] = {}
        for place, group in enumerate(self.groups):
            there = first.setdefault(group, place)
            if own[there] != own[place]:
                raise ValueError(
                    f"{printable(group)} is in {own[there]} (row {self._rows[there]}) and in "
                    f"{own[place]} (row {self._rows[place]}), and no group may be in two splits: "
                    "leave out dataset.source.group, or have the splits drawn"
                )
        number = {group: index for index, group in enumerate(first)}
        return torch.tensor([number[group] for group in self.groups], dtype=torch.int64)

    def targets(self, classes: Sequence[str]) -> Tensor:
        """Return the classes (N,), int64, or the labels (N, K), uint8."""
        place = {name: index for index, name in enumerate(classes)}
        if not self.several:
            return torch.tensor([place[labels[0]] for labels in self.of_image], dtype=torch.int64)
        targets = torch.zeros(len(self.of_image), len(classes), dtype=torch.uint8)
        for row, labels in enumerate(self.of_image):
            targets[row, [place[label] for label in labels]] = 1
        return targets


def split_labelled(
    images: Tensor | Dataset[Tensor],
    found: Labelled,
    *,
    val_fraction: float,
    test_fraction: float,
    split_seed: int,
    flip: bool,
    pad: int,
    classes: Sequence[str] | None = None,
    keep_stats: Callable[[Split, str], Stats] | None = None,
) -> Data:
    """Return the data of `images`, which `found` labels: by their own splits, or cut from train.

    The classes are those of train, in order, unless they are given, and `keep_stats` is as of
    `Data`. Raises `ValueError`, one line,
    for a split with a label that train has not, and for one class in all.
    """
    found.doubt_unlabelled()
    known = list(classes) if classes is not None else class_order(sorted(found.labels))
    own = [split or "train" for split in found.splits]
    pairs = zip(own, found.of_image, strict=True)
    used = {label for split, each in pairs if split == "train" for label in each}
    if classes is None:
        for part in ("val", "test"):
            _refuse_unknown(part, own, found, used)
    if len(known) < 2 and not found.several:
        only = f", {printable(known[0])}" if known else ""
        raise ValueError(f"there are images of one class only{only}, and a classifier needs two")
    whole = Split(images, found.targets(known), found.group_numbers(own))
    places = {
        part: [i for i, s in enumerate(own) if s == part] for part in ("train", "val", "test")
    }
    parts = {part: select(whole, torch.tensor(at)) for part, at in places.items() if at}
    if "train" not in parts:
        raise ValueError("no image is of the split train")
    train, val, test = parts["train"], parts.get("val"), parts.get("test")
    if val is None and test is None:
        train, val, test = split_in_three(train, val_fraction, test_fraction, split_seed)
        sources = "split three ways"
    else:
        cut = [f"{p} cut from train" for p in ("val", "test") if p not in parts]
        sources = ", ".join([*(f"{p} as given" for p in parts), *cut])
        if test is None:
            train, test = split_off(train, test_fraction, split_seed)
        if val is None:
            train, val = split_off(train, val_fraction, split_seed + 1)
    names = [printable(name) for name in known]
    data = assemble(
        train, val, test, names, flip=flip, pad=pad, stats=keep_stats and keep_stats(train, "")
    )
    notes = (sources, describe_sizes(data), *found.notes(doubt=False))
    doubts = (*found.doubts, *found.notes(doubt=True))
    return dataclasses.replace(data, notes=notes, doubts=doubts, keep_stats=keep_stats)


def _refuse_unknown(part: str, own: Sequence[str], found: Labelled, known: set[str]) -> None:
    pairs = zip(own, found.of_image, found.names, strict=True)
    lost = {
        label: name for s, each, name in pairs if s == part for label in each if label not in known
    }
    if lost:
        shown = ", ".join(printable(label) for label in sorted(lost)[:MAX_NAMES])
        where = printable(next(iter(lost.values())))
        raise ValueError(
            f"{part} has labels that train has not: {shown} (such as of {where}); those of train "
            f"are {', '.join(printable(label) for label in class_order(sorted(known))[:MAX_NAMES])}"
            f"{' and more' if len(known) > MAX_NAMES else ''}"
        )
