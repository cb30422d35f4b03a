"""Images in a report: which changed sides, how they are read, and what a file may not bring in."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.write import write_report
from darkmagic.sweeps.orchestrate.page.changed import changed_of, pictures
from darkmagic.sweeps.orchestrate.page.images import _look, changed_sides
from darkmagic.sweeps.orchestrate.page.setup import make_setup
from darkmagic.sweeps.track.schema.tags import RULES
from darkmagic.sweeps.track.snapshot import Snapshot
from records import report_of

SHAPES = "darkmagic.trainers.data.shapes.Shapes"
SOURCES: dict[str, dict[str, Any]] = {
    "grey": {"_target_": SHAPES, "count": 100},
    "coloured": {"_target_": SHAPES, "count": 60, "size": 16, "channels": 3},
    "large": {"_target_": SHAPES, "count": 40, "size": 96, "channels": 3},
    "digits": {"_target_": "darkmagic.trainers.data.digits.Digits"},
}


def _record(trick: str | None, seed: int, right: list[int], images: int = 8) -> TrialRecord:
    correct = np.isin(np.arange(images), right)
    option = trick and "on"
    return TrialRecord(trick, option, "", seed, Status.FINISHED, accuracy=0.5, correct=correct)


RECORDS = [
    _record(None, 0, [0, 1, 2, 3]),
    _record(None, 1, [0, 1, 2, 4]),
    _record("mixup", 0, [1, 2, 3, 6, 7]),
    _record("mixup", 1, [1, 2, 4, 6, 7]),
    _record("ema", 0, [0, 1, 2, 3]),
    _record("ema", 1, [0, 1, 2, 4]),
]
"""Mixup gains images 6 and 7 and loses 0; ema is right and wrong as the baseline is."""


def test_images_that_changed_sides_are_those_of_most_runs() -> None:
    """A row that differs nowhere is left out, and so is one of another number of images."""
    records = [*RECORDS, _record("other", 0, [1], images=9)]
    assert changed_sides(records) == {"mixup=on": ([6, 7], [0])}
    assert changed_sides([r for r in records if r.trick]) == {}
    assert changed_sides([]) == {}
    assert changed_sides([*records, _record(None, 2, [0], images=9)]) == {}


@pytest.mark.parametrize("source", SOURCES.values(), ids=[*SOURCES])
def test_images_of_every_kind_become_small_texts_of_their_class(source: dict[str, Any]) -> None:
    """Each class is in the strip while there is room, and the file can be read as JSON."""
    found = _look({"dataset": {"source": source}, "split_seed": 0}, [0, 3])
    assert isinstance(found, dict), found
    assert json.loads(json.dumps(found)) == found
    shown = list(pictures([*found["strip"], *found["images"].values()]))
    assert len(shown) == len(found["strip"]) + 2 <= 14
    assert len({name for name, _ in found["strip"]}) == min(12, len(found["classes"]))
    labels = np.frombuffer(base64.b64decode(found["labels"]), "<u2")
    assert [name for name, _ in found["images"].values()] == [
        found["classes"][labels[index]] for index in (0, 3)
    ]
    assert all(len(picture.address) < 8_000 for picture in shown)


def test_data_that_cannot_be_read_are_a_reason_in_words(tmp_path: Path) -> None:
    """The sweep has its report, without images."""
    source = {"_target_": "darkmagic.trainers.data.folder.Folder", "root": str(tmp_path / "no")}
    found = _look({"dataset": {"source": source}, "split_seed": 0}, [0])
    assert isinstance(found, str)
    assert "no" in found


def _snapshot(**images: Any) -> Snapshot:
    dot = "data:image/png;base64,AAAA"
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1], "<u2")
    known = {
        "classes": ["cat", "dog"],
        "labels": base64.b64encode(labels.tobytes()).decode(),
        "images": {"0": ["cat", dot], "6": ["dog", dot], "7": ["dog", dot]},
    }
    return Snapshot("mine", {}, tuple(RECORDS), {}, images={**known, **images})


def test_classes_are_those_that_moved_most() -> None:
    """In percent of the images of a class, over the runs of a row."""
    changed = changed_of(_snapshot())["mixup=on"]
    assert [picture.text for picture in (*changed.gained, *changed.lost)] == ["dog", "dog", "cat"]
    dog, cat = changed.classes
    assert (dog.name, dog.images, dog.baseline, dog.row) == ("dog", 5, 20.0, 60.0)
    assert (cat.name, round(cat.change, 2)) == ("cat", -33.33)


def test_all_images_that_changed_sides_are_counted_and_the_clearest_shown() -> None:
    """A page names how many there are, of which it has pictures of six to a side."""
    runs = [_record(None, seed, [*range(20)], images=40) for seed in range(2)]
    runs += [_record("mixup", seed, [*range(9, 40)], images=40) for seed in range(2)]
    dot = "data:image/png;base64,AAAA"
    shown = {str(index): ["cat", dot] for index in range(40)}
    snapshot = dataclasses.replace(_snapshot(images=shown), records=tuple(runs))
    changed = changed_of(snapshot)["mixup=on"]
    assert changed.counts == (20, 9)
    assert (len(changed.gained), len(changed.lost)) == (6, 6)
    page = write_report(report_of(runs, setup=make_setup(snapshot)), "html")
    assert "20 now right, 9 now wrong" in page
    assert "wrong with the baseline: the clearest 6 of 20<" in page


def test_classes_are_known_where_no_image_changed_sides() -> None:
    """A class that loses an image of each of three seeds, another every time, has moved."""
    ten = np.array([0] * 5 + [1] * 5, "<u2")
    labels = base64.b64encode(ten.tobytes()).decode()
    runs = [_record(None, seed, [*range(10)], images=10) for seed in range(3)]
    runs += [
        _record("mixup", seed, [i for i in range(10) if i != seed + 5], images=10)
        for seed in range(3)
    ]
    known = {"classes": ["cat", "dog"], "labels": labels, "images": {}}
    changed = changed_of(Snapshot("mine", {}, tuple(runs), {}, images=known))
    (dog,) = changed["mixup=on"].classes
    assert (dog.name, round(dog.change)) == ("dog", -20)
    assert changed["mixup=on"].gained == changed["mixup=on"].lost == ()
    folds = {RULES: json.dumps({"overlap": 0.25})}
    assert changed_of(Snapshot("mine", folds, tuple(runs), {}, images=known)) == {}


def test_page_says_why_it_has_no_images() -> None:
    """With `runtime.report_images=false`, for data that nobody else may see."""
    runs = tuple(dataclasses.replace(r, run_id="a") for r in RECORDS)
    for shown in (True, False):
        params = {"a": {"runtime.report_images": str(shown)}}
        setup = make_setup(Snapshot("mine", {}, runs, {}, params=params))
        page = write_report(report_of(runs, setup=setup), "html")
        assert ("runtime.report_images=false" in page) == (not shown)


DATA = {
    "a folder": ({"dataset.name": "folder", "dataset.source.root": "/data/my photos"}, "my photos"),
    "the folder where one is": ({"dataset.name": "folder", "dataset.source.root": "."}, "folder"),
    "data that have a name": ({"dataset.name": "cifar10", "dataset.source.root": "/x"}, "cifar10"),
    "data that say nothing": ({}, ""),
}


@pytest.mark.parametrize(("params", "name"), DATA.values(), ids=[*DATA])
def test_page_calls_data_by_the_name_that_their_owner_knows(
    params: dict[str, str], name: str
) -> None:
    """It asked what helps "on folder", of every folder of photographs alike."""
    runs = tuple(dataclasses.replace(r, run_id="a") for r in RECORDS)
    setup = make_setup(Snapshot("mine", {}, runs, {}, params={"a": params}))
    assert setup.dataset == name


FOREIGN: dict[str, dict[str, Any]] = {
    "an address of a server": {"images": {"6": ["dog", "http://evil/x.png"]}},
    "a script": {"images": {"6": ["dog", "javascript:alert(1)"]}},
    "another kind of file": {"images": {"6": ["dog", "data:image/svg+xml;base64,AAAA"]}},
    "no pair": {"images": {"6": "dog", "7": None, "0": [1, 2, 3]}},
}


@pytest.mark.parametrize("images", FOREIGN.values(), ids=[*FOREIGN])
def test_address_that_is_no_small_image_is_left_out(images: dict[str, Any]) -> None:
    """Whoever can write to the store cannot have the page ask a server."""
    changed = changed_of(_snapshot(**images))["mixup=on"]
    assert changed.gained == changed.lost == ()


@pytest.mark.parametrize("labels", ["", "?", "AAAA", base64.b64encode(b"\xff" * 16).decode()])
def test_labels_of_other_images_say_nothing_of_classes(labels: str) -> None:
    """Labels that are damaged, too few or of no class are as none."""
    assert changed_of(_snapshot(labels=labels))["mixup=on"].classes == ()
