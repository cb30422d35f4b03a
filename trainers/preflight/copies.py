"""Duplicate images within a split, and images of one split that are in another too.

Exact copies are found by a hash of their pixels. Copies that were re-encoded are found by
their thumbnails: they differ by less than compression changes, and by far less than the images
of this set usually differ from the nearest other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.splits.select import read, spread
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.preflight.thumbnails import nearest, thumbnails

__all__ = ["check_copies", "hash_images", "near_copies"]

IMAGES_READ = 512  # images a split, of sets that are read from files
MAX_QUERIES, MAX_POINTS = 1000, 20_000  # thumbnails
MAX_LEAK_SHARE = 0.01  # of a held-out split, in train: no chance then
MAX_DIFFERENCE = 4.0  # grey levels, root mean square: what re-encoding changes at most
MAX_SHARE_OF_MEDIAN = 0.25  # of the set's median distance to the nearest other image
MIN_CONTRAST = 8.0  # grey levels; flatter images look alike without being copies


def hash_images(images: Tensor) -> list[bytes]:
    """Return a digest of each of `images` (N, C, H, W), uint8; b"" for an image of one colour,
    which may well be there twice.
    """
    pixels = images.contiguous().flatten(1)
    blank = (images.flatten(2) == images.flatten(2)[:, :, :1]).flatten(1).all(1).tolist()
    rows = pixels.numpy()
    return [
        b"" if flat else hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        for row, flat in zip(rows, blank, strict=True)
    ]


def near_copies(held_out: Tensor, train: Tensor) -> list[int]:
    """Return the indices of those of `held_out` (N, C, H, W), uint8, that look like one of
    `train` (M, C, H, W).
    """
    if not len(held_out) or len(train) < 2:
        return []
    queries, points = thumbnails(held_out), thumbnails(train)
    distances, _ = nearest(queries, points)
    within, _ = nearest(points[: len(queries)], points, 2)  # the nearest is itself
    closest = distances[:, 0]
    limit = min(MAX_DIFFERENCE, MAX_SHARE_OF_MEDIAN * float(within[:, 1].median()))
    copies = (closest < limit) & (queries.std(1) > MIN_CONTRAST)
    return [int(index) for index in copies.nonzero().flatten()]


def check_copies(setup: Setup) -> list[Finding]:
    """Look for the same image in two splits, and twice in train."""
    data = setup.data
    splits = {"train": data.train, "val": data.val, "test": data.test}
    seen = {name: _read(split) for name, split in splits.items()}
    hashes = {name: hash_images(_pixels(split)) for name, split in seen.items()}
    train = Counter(hashes["train"])
    train.pop(b"", None)
    doubles = sum(train.values()) - len(train)
    all_in_memory = all(isinstance(split.images, Tensor) for split in splits.values())
    scope = "" if all_in_memory else f" (of {IMAGES_READ:,} a split that were read)"
    return [
        _doubles(doubles, len(hashes["train"]), _contradictions(hashes["train"], seen), scope),
        _leaks(hashes, seen, train, doubles, scope),
    ]


def _read(split: Split) -> Split:
    if isinstance(split.images, Tensor):
        return split
    return read(split, spread(len(split), IMAGES_READ))


def _pixels(split: Split) -> Tensor:
    assert isinstance(split.images, Tensor)
    return split.images


def _contradictions(hashes: Sequence[bytes], seen: dict[str, Split]) -> int:
    """Count the images of train whose copy is of another class."""
    targets = seen["train"].targets
    sets = torch.unique(targets, dim=0, return_inverse=True)[1]
    classes: dict[bytes, set[int]] = {}
    for digest, cls in zip(hashes, sets.tolist(), strict=True):
        classes.setdefault(digest, set()).add(cls)
    return sum(len(found) > 1 for digest, found in classes.items() if digest)


def _doubles(doubles: int, images: int, contradictions: int, scope: str) -> Finding:
    figures = {"doubles": doubles, "contradictions": contradictions}
    if contradictions:
        return Finding(
            "duplicates",
            Level.WARNING,
            f"{contradictions:,} images are in train under two classes{scope}",
            "no network can learn both: keep the right one",
            figures,
        )
    share = doubles / max(1, images)
    level = Level.WARNING if share > MAX_LEAK_SHARE else Level.OK
    advice = "copies weigh more in training: keep one of each" if level != Level.OK else ""
    count = f"{doubles:,} of {images:,}" if doubles else "none"
    return Finding("duplicates", level, f"copies within train: {count}{scope}", advice, figures)


def _leaks(
    hashes: dict[str, list[bytes]],
    seen: dict[str, Split],
    train: Counter[bytes],
    doubles: int,
    scope: str,
) -> Finding:
    exact = {name: sum(digest in train for digest in hashes[name]) for name in ("val", "test")}
    points = _pixels(seen["train"])[spread(len(seen["train"]), MAX_POINTS)]
    near = {}
    for name in exact:
        indices = spread(len(seen[name]), MAX_QUERIES)
        found = near_copies(_pixels(seen[name])[indices], points)
        near[name] = sum(hashes[name][int(indices[index])] not in train for index in found)
    figures = {"exact": exact, "near": near}
    if not any((*exact.values(), *near.values())):
        return Finding("leaks", Level.OK, f"no image is in two splits{scope}", figures=figures)
    messages = [
        f"{n:,} of {len(hashes[s]):,} {s} images are in train" for s, n in exact.items() if n
    ]
    messages += [f"{n:,} {s} images look like copies of train ones" for s, n in near.items() if n]
    # If train has many duplicates too, the set has few distinct images: the split is right.
    expected = 2 * doubles / max(1, len(hashes["train"]))
    shares = [count / max(1, len(hashes[name])) for name, count in exact.items()]
    level = Level.STOP if max(shares) > max(MAX_LEAK_SHARE, expected) else Level.WARNING
    advice = "scores on images that were trained on mean nothing: take them out of train"
    return Finding("leaks", level, "; ".join(messages) + scope, advice, figures)
