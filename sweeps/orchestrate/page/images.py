"""Images for a report: a few of the data, and of the validation set those that changed sides."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.records import TrialRecord
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.track.cards import IMAGES

__all__ = ["MAX_IMAGES", "add_images", "changed_sides", "most_different", "right_shares"]

MAX_ROWS = 6
MAX_IMAGES = 6
"""That are shown, to either side of a row."""
MIN_CHANGE = 0.5
"""Share of the seeds by which an image has to have changed sides."""
STRIP = 12
SECONDS = 60.0
"""That reading the images may take; more is not worth waiting for at the end of a sweep."""


def right_shares(records: Sequence[TrialRecord]) -> dict[str, NDArray[np.float64]]:
    """Return by row the share of its runs that have each validation image right.

    Rows whose runs were not validated on as many images as the baseline's are left out, and all of
    them where there is no baseline.
    """
    rows: dict[str, list[NDArray[np.bool_]]] = {}
    for record in records:
        if record.correct is not None:
            rows.setdefault(record.name, []).append(record.correct)
    size = {len(run) for run in rows.get(BASELINE, [])}
    if len(size) != 1:
        return {}
    return {
        name: np.mean(np.stack(runs), axis=0)
        for name, runs in rows.items()
        if {len(run) for run in runs} == size
    }


def most_different(shares: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """Return the rows of `right_shares` that differ most from the baseline, the largest first."""
    if BASELINE not in shares:
        return []
    gains = {name: abs(float((share - shares[BASELINE]).mean())) for name, share in shares.items()}
    return sorted(gains.keys() - {BASELINE}, key=lambda name: (-gains[name], name))[:MAX_ROWS]


def changed_sides(records: Sequence[TrialRecord]) -> dict[str, tuple[list[int], list[int]]]:
    """Return by row all images that it has right and the baseline has wrong, and the other way
    round: the clearest first, of the rows that differ most.
    """
    shares = right_shares(records)
    found = {}
    for name in most_different(shares):
        change = shares[name] - shares[BASELINE]
        order = np.argsort(-change, kind="stable")
        gained = [int(i) for i in order if change[i] >= MIN_CHANGE]
        lost = [int(i) for i in order[::-1] if change[i] <= -MIN_CHANGE]
        if gained or lost:
            found[name] = (gained, lost)
    return found


def add_images(
    resolved: Mapping[str, Any],
    records: Sequence[TrialRecord],
    known: Mapping[str, Any],
    folder: Path,
    say: Callable[[str], None],
) -> tuple[Mapping[str, Any], Path | None]:
    """Return what a report needs of the data of `resolved`, and the file that it was written to.

    `known` is what was found before, which is returned again if it has all images. Where the data
    cannot be read, `say` is told, and the report has no images.
    """
    runtime = resolved.get("runtime", {})
    if not runtime.get("report_images", True) or not any(r.correct is not None for r in records):
        return known, None
    changed = changed_sides(records).values()
    indices = sorted({i for sides in changed for side in sides for i in side[:MAX_IMAGES]})
    if resolved.get("folds"):
        indices = []  # each seed validates on other images
    if known and all(str(index) in known.get("images", {}) for index in indices):
        return known, None
    env = {"CUDA_VISIBLE_DEVICES": ""}
    job = fork_server.start(_look, resolved, indices, env=env, threads=1)
    try:
        found = wait_for(job, SECONDS)
    except SilentError:
        found = f"reading them took more than {SECONDS:.0f} s"
    except DiedError:
        found = "the process that reads them was killed"
    if isinstance(found, str):
        say(f"the report has no images: {found}")
        return known, None
    path = folder / IMAGES
    try:
        path.write_text(json.dumps(found) + "\n")
    except OSError:  # a full disk: this report has them all the same
        return found, None
    return found, path


def _look(resolved: Mapping[str, Any], indices: Sequence[int]) -> dict[str, Any] | str:
    """Read the images in the child; return why they cannot be read, if so."""
    from hydra.utils import instantiate

    from darkmagic.trainers.data.items import as_data_set
    from darkmagic.trainers.errors import own_error

    try:
        source = as_data_set(instantiate(resolved["dataset"]["source"]))
        return _read(source.load(resolved["split_seed"]), indices)
    except Exception as error:  # noqa: BLE001 (a user's data set may raise anything)
        return own_error(error)


def _read(data: Any, indices: Sequence[int]) -> dict[str, Any]:
    import torch

    from darkmagic.trainers.data.splits.select import read
    from darkmagic.trainers.outputs.thumbnails import thumbnail

    def shown(split: Any, chosen: Sequence[int]) -> list[list[str]]:
        if not chosen:
            return []
        found = read(split, torch.tensor(chosen))
        assert isinstance(found.images, torch.Tensor)
        named = [_label(target, data) for target in found.targets]
        return [[name, thumbnail(i)] for name, i in zip(named, found.images, strict=True)]

    labels = "" if data.multilabel else _packed(data.val.targets.numpy())
    return {
        "classes": list(data.classes),
        "train": len(data.train),
        "labels": labels,
        "strip": shown(data.train, _one_of_each(data)),
        "images": dict(zip(map(str, indices), shown(data.val, indices), strict=True)),
    }


def _one_of_each(data: Any) -> list[int]:
    """Return images of the training split, of as many classes as there are, in turn."""
    if data.multilabel:
        return list(range(min(STRIP, len(data.train))))
    targets = data.train.targets.numpy()
    turn: list[tuple[int, int, int]] = []
    for number in range(min(STRIP, len(data.classes))):
        places = np.flatnonzero(targets == number)[:STRIP]
        turn += [(rank, number, int(place)) for rank, place in enumerate(places)]
    return [place for *_, place in sorted(turn)[:STRIP]]


def _label(target: Any, data: Any) -> str:
    if data.multilabel:
        names = [name for name, has in zip(data.classes, target.tolist(), strict=True) if has]
        return ", ".join(names) or "none"
    return str(data.classes[int(target)])


def _packed(labels: NDArray[np.int64]) -> str:
    return base64.b64encode(labels.astype("<u2").tobytes()).decode()
