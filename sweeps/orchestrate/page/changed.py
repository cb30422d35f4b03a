"""What changed in the images of the validation set, row by row, from what a sweep left of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.report.setup import Changed, ClassShare, Picture
from darkmagic.sweeps.orchestrate.page.images import (
    MAX_IMAGES,
    changed_sides,
    most_different,
    right_shares,
)
from darkmagic.sweeps.track.rules import parse_rules
from darkmagic.sweeps.track.schema.tags import RULES
from darkmagic.sweeps.track.snapshot import Snapshot

__all__ = ["changed_of", "pictures"]

ADDRESS = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/]+=*")
"""Any other could have a page ask a server."""
MAX_CLASSES = 8


def pictures(found: Iterable[Any]) -> Iterator[Picture]:
    """Yield the images of a file, pairs of a class and an address; others are left out."""
    for pair in found:
        if isinstance(pair, list) and len(pair) == 2 and ADDRESS.fullmatch(str(pair[1])):
            yield Picture(str(pair[0]), str(pair[1]))


def changed_of(snapshot: Snapshot) -> dict[str, Changed]:
    """Return by row what changed; empty where nothing is known of the images.

    The classes of a row are there without an image that changed sides: a class may move by a few
    images of each seed. Of folds there are neither, as each seed validates on other images.
    """
    images = snapshot.images.get("images", {})
    shares = right_shares(snapshot.records)
    base = shares.get(BASELINE)
    if base is None or not snapshot.images or parse_rules(snapshot.tags.get(RULES)).overlap:
        return {}
    classes = list(map(str, snapshot.images.get("classes", ())))
    labels = _labels(snapshot.images.get("labels", ""), len(base), len(classes))
    sides = changed_sides(snapshot.records)
    found = {}
    for name in most_different(shares):
        gained, lost = sides.get(name, ((), ()))
        moved = [each for each in _by_class(labels, classes, base, shares[name]) if each.change]
        if moved or name in sides:
            found[name] = Changed(
                gained=tuple(pictures(images.get(str(index)) for index in gained[:MAX_IMAGES])),
                lost=tuple(pictures(images.get(str(index)) for index in lost[:MAX_IMAGES])),
                counts=(len(gained), len(lost)),
                classes=tuple(moved),
            )
    return found


def _labels(text: str, images: int, classes: int) -> NDArray[np.uint16] | None:
    """Return the class of each image; None if they are not known, or are not of these images."""
    try:
        labels = np.frombuffer(base64.b64decode(text, validate=True), dtype="<u2")
    except (ValueError, binascii.Error):
        return None
    return labels if len(labels) == images and (labels < classes).all() else None


def _by_class(
    labels: NDArray[np.uint16] | None,
    classes: Sequence[str],
    base: NDArray[np.float64],
    own: NDArray[np.float64],
) -> list[ClassShare]:
    if labels is None:
        return []
    shares = []
    for number in np.unique(labels):
        of = labels == number
        percent = 100 * float(base[of].mean()), 100 * float(own[of].mean())
        shares.append(ClassShare(classes[number], int(of.sum()), *percent))
    return sorted(shares, key=lambda share: -abs(share.change))[:MAX_CLASSES]
