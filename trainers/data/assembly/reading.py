"""What is found beside the images of folders, and what of it is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.index import list_classes
from darkmagic.trainers.data.image_files.layout import split_of
from darkmagic.trainers.data.image_files.pixels import describe_kinds
from darkmagic.trainers.data.image_files.scan import loose_images, sample_state, subfolders
from darkmagic.trainers.data.tables.labels import alike

__all__ = ["Reading", "listed"]

MAX_NAMES = 5  # in a message


@dataclass
class Reading:
    """What was found beside the images of all splits, and of what kind these are."""

    kinds: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)  # of listings and files

    def hidden(self, folder: Path) -> None:
        """Count the hidden folders in `folder`, which are no classes."""
        for name in subfolders(folder, hidden=True):
            self.left_out[f"{printable(name)}/"] += 1

    def scan(
        self, folder: Path, classes: Sequence[str], cache: str | None
    ) -> tuple[list[str], list[int]]:
        """Return the image files below `folder` and the places of their classes, in order, of
        which a listing is kept under `cache`.
        """
        files: list[str] = []
        targets: list[int] = []
        inner: list[frozenset[str]] = []
        places = {name: index for index, name in enumerate(classes)}
        present = [name for name in classes if (folder / name).is_dir()]  # others are train's only
        listing = list_classes(folder, present, cache)
        for name, scan in listing.scans.items():
            index = places[name]
            files += scan.files
            targets += [index] * len(scan.files)
            self.left_out += scan.left_out
            self.doubtful += scan.doubtful
            inner.append(frozenset(scan.folders))
        self.digests.append(f"{listing.digest} {sample_state(files)}")
        self.hidden(folder)
        if loose := loose_images(folder):
            self.doubts.append(
                f"{loose:,} images lie in {printable(folder.name)}/ itself, in no "
                "class's folder, and are not used"
            )
        self._compare_names(folder, classes)
        if len(inner) > 1 and len(inner[0]) > 1 and len(set(inner)) == 1:
            if splits := [name for name in sorted(inner[0]) if split_of(name)]:
                raise ValueError(
                    f"every class of {printable(folder)} has the folders {listed(splits)}, which "
                    "would be joined: put the splits above the classes, train/CLASS and val/CLASS"
                )
            self.doubts.append(
                f"every class of {printable(folder.name)}/ has the folders "
                f"{listed(sorted(inner[0]))}: if these are the classes, name what they are in "
                "train, val and test"
            )
        self.kinds.append(describe_kinds(files))
        return files, targets

    def _compare_names(self, folder: Path, classes: Sequence[str]) -> None:
        """Doubt classes whose names differ by capitals, blanks, encoding or zeros alone."""
        for same in alike(classes):
            self.doubts.append(
                f"{listed([repr(name) for name in same])} of {printable(folder.name)}/ are "
                "taken as different classes"
            )

    def notes(self) -> list[str]:
        """Return what the images are, and what was left out that is none."""
        kinds = "; ".join(dict.fromkeys(part for kind in self.kinds for part in kind.split("; ")))
        notes = [f"pixels: {kinds}"] if kinds else []
        return notes + ([f"left out: {_counted(self.left_out)}"] if self.left_out else [])

    def all_doubts(self) -> list[str]:
        """Return what was left out and may have been meant."""
        doubtful = [f"left out: {_counted(self.doubtful)}"] if self.doubtful else []
        return self.doubts + doubtful


def listed(names: Sequence[str], most: int = MAX_NAMES) -> str:
    """Return the first `most` names, with commas, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name) for name in names[:most]) + more


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(
        f"{count:,} {kind}" if count > 1 or not kind.endswith("/") else kind
        for kind, count in kinds.most_common()
    )
