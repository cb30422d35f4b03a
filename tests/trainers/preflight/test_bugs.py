"""Planted bugs: the check that is meant for each one reports it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data, DataSet
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.digits import Digits
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing
from darkmagic.trainers.tricks.optimizer import Adam, Sgd
from planting import (
    Changed,
    Colourblind,
    Detached,
    EndsInSigmoid,
    EndsInSoftmax,
    Frozen,
    LeaksAcrossTheBatch,
    NormsInEval,
    TrainingOnly,
    copies_encoded_anew,
    grey_levels,
    leaked_into_train,
    never_centred,
    shuffled_labels,
    shuffled_training_labels,
    shuffled_validation_labels,
    sorted_by_class,
)

build = partial(SmallResNet, depth=8, width=8)
RECIPE = Recipe(
    dataset=Digits(),
    build=build,
    tricks={"optimizer": Sgd(nesterov=True), "label_smoothing": LabelSmoothing(0.1)},
    epochs=20,
    batch_size=64,
    device="cpu",
)


def _with(**changes: object) -> Recipe:
    return dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]


def _data(change: Callable[[Data], Data], source: DataSet | None = None) -> Recipe:
    return _with(dataset=Changed(source or Digits(), change))


def _model(kind: type[nn.Module]) -> Recipe:
    return _with(build=kind if kind is Colourblind else partial(kind, depth=8, width=8))


def _tricks(**tricks: Trick) -> Recipe:
    return _with(tricks={**RECIPE.tricks, **tricks})


SHAPES32 = Shapes(count=600, size=32)
STOP, WARNING = Level.STOP, Level.WARNING
BUGS: dict[str, tuple[Recipe, str, Level, str]] = {
    "labels shuffled": (_data(shuffled_labels), "labels", STOP, "no relation of images and"),
    "training labels shuffled": (_data(shuffled_training_labels), "labels", STOP, "no relation"),
    "validation labels shuffled": (
        _data(shuffled_validation_labels),
        "labels",
        WARNING,
        "validation split may be shuffled",
    ),
    "labels shuffled, few images": (
        _data(shuffled_labels, Shapes(count=80)),
        "labels",
        WARNING,
        "no relation of images and",
    ),
    "softmax before cross-entropy": (_model(EndsInSoftmax), "logits", STOP, "ends in softmax"),
    "sigmoid before cross-entropy": (_model(EndsInSigmoid), "logits", STOP, "bounded"),
    "frozen layers": (_model(Frozen), "gradients", STOP, "frozen layers"),
    "detached layers": (_model(Detached), "gradients", STOP, "none reaches stem.0"),
    "grey levels": (_data(grey_levels), "inputs", STOP, "not normalised"),
    "inputs from 0 to 1": (_data(never_centred), "inputs", WARNING, "not centred"),
    "only training images scaled": (_tricks(scale=TrainingOnly()), "inputs", WARNING, "alike"),
    "eval-mode BatchNorm": (_model(NormsInEval), "modes", STOP, "eval mode in training: stem.1"),
    "test images in train": (_data(leaked_into_train), "leaks", STOP, "359 of 359 test"),
    "re-encoded copies": (
        _data(copies_encoded_anew, SHAPES32),
        "leaks",
        WARNING,
        "val images look like copies",
    ),
    "lr x 1000": (_tricks(optimizer=Sgd(lr=100.0)), "learning rate", STOP, "times too high"),
    "lr x 1000, Adam": (_tricks(optimizer=Adam(lr=1.0)), "learning rate", STOP, "too high"),
    "lr / 1000": (_tricks(optimizer=Sgd(lr=1e-4)), "learning rate", WARNING, "raise it to"),
    "leak across the batch": (_model(LeaksAcrossTheBatch), "samples", STOP, "other images"),
    "too little capacity": (_model(Colourblind), "overfit", STOP, "not enough capacity, or a bug"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_reported_by_its_check(bug: str) -> None:
    """The check meant for a bug reports it at the expected level and with the expected message."""
    recipe, check, level, words = BUGS[bug]
    found = _finding(recipe, check)
    assert found.level is level, found
    assert words in f"{found.message}: {found.advice}"


def test_page_of_checks_lists_every_planted_bug(repo: Path) -> None:
    """docs/preflight.md has a table row for every planted bug, with its check and its level."""
    page = (repo / "docs" / "preflight.md").read_text()
    for bug, (_, check, level, _) in BUGS.items():
        assert f"| {bug} | `{check}` | {level} |" in page


def test_readme_says_how_many_bugs_are_planted(repo: Path) -> None:
    """The number in the README is the number of rows on the page."""
    rows = re.findall(r"^\| [^|]+ \| `", (repo / "docs" / "preflight.md").read_text(), re.MULTILINE)
    assert f"{len(rows)} planted bugs" in (repo / "README.md").read_text()


def _finding(recipe: Recipe, check: str) -> Finding:
    """Run the checks up to `check` and return its finding."""
    return next(finding for finding in run_preflight(recipe, seconds=60) if finding.check == check)


CHUNKS = Batches.chunks


def _unshuffled(
    self: Batches, _rng: torch.Generator | None, most: int = 1, repeats: int = 1, skip: int = 0
) -> Iterator[tuple[Tensor, Tensor, list[int]]]:
    return CHUNKS(self, None, most, repeats, skip)


def test_unshuffled_training_order_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that never changes is a warning, and a stop if the images are sorted by class."""
    monkeypatch.setattr(Batches, "chunks", _unshuffled)
    found = _finding(RECIPE, "order")
    assert (found.level, found.message.partition(":")[0]) == (WARNING, "never shuffled")
    found = _finding(_data(sorted_by_class), "order")
    assert found.level is STOP
    assert found.message.startswith("sorted by class and the same in two epochs")


def test_sorted_data_that_is_shuffled_passes() -> None:
    """The order check passes a sorted data set whose batches are shuffled, as folders are read."""
    assert _finding(_data(sorted_by_class), "order").level is Level.OK
