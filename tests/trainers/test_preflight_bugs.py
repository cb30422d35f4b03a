"""Planted bugs: each is caught, and named by the check that is there for it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data, DataSet, Split
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

build = partial(SmallResNet, depth=8, width=8)
RECIPE = Recipe(
    dataset=Digits(),
    build=build,
    tricks={"optimizer": Sgd(nesterov=True), "label_smoothing": LabelSmoothing(0.1)},
    epochs=20,
    batch_size=64,
    device="cpu",
)


@dataclasses.dataclass(frozen=True)
class Changed:
    """A data set after `change`."""

    source: DataSet
    change: Callable[[Data], Data]

    def load(self, split_seed: int) -> Data:
        return self.change(self.source.load(split_seed))


def shuffled_labels(data: Data) -> Data:
    """Every split has its classes, on other images."""
    rng = torch.Generator().manual_seed(0)

    def shuffled(split: Split) -> Split:
        return Split(split.images, split.targets[torch.randperm(len(split), generator=rng)])

    return dataclasses.replace(
        data, train=shuffled(data.train), val=shuffled(data.val), test=shuffled(data.test)
    )


def shuffled_training_labels(data: Data) -> Data:
    """As where images and classes are read in two orders."""
    return dataclasses.replace(data, train=shuffled_labels(data).train)


def shuffled_validation_labels(data: Data) -> Data:
    return dataclasses.replace(data, val=shuffled_labels(data).val)


def _pixels(split: Split) -> Tensor:
    assert isinstance(split.images, Tensor)
    return split.images


def leaked_into_train(data: Data) -> Data:
    images = torch.cat([_pixels(data.train), _pixels(data.test)])
    return dataclasses.replace(
        data, train=Split(images, torch.cat([data.train.targets, data.test.targets]))
    )


def encoded_anew(image: Tensor) -> Tensor:
    """Return an image (1, H, W) after it was a JPEG."""
    file = io.BytesIO()
    Image.fromarray(image[0].numpy()).save(file, "JPEG", quality=85)
    return torch.from_numpy(np.array(Image.open(file)))[None]


def copies_encoded_anew(data: Data) -> Data:
    """Forty validation images are in train too, from another JPEG encoder."""
    copies = torch.stack([encoded_anew(image) for image in _pixels(data.val)[:40]])
    images = torch.cat([_pixels(data.train), copies])
    targets = torch.cat([data.train.targets, data.val.targets[:40]])
    return dataclasses.replace(data, train=Split(images, targets))


def grey_levels(data: Data) -> Data:
    """Statistics that leave pixels in 0..255."""
    return dataclasses.replace(data, mean=(0.0,), std=(1 / 255,))


def never_centred(data: Data) -> Data:
    """Statistics that leave pixels in 0..1."""
    return dataclasses.replace(data, mean=(0.0,), std=(1.0,))


def sorted_by_class(data: Data) -> Data:
    order = data.train.targets.argsort()
    return dataclasses.replace(
        data, train=Split(_pixels(data.train)[order], data.train.targets[order])
    )


class EndsInSoftmax(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).softmax(1)


class EndsInSigmoid(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).sigmoid()


class Frozen(SmallResNet):
    """All but the head."""

    def __init__(self, **kwargs: int) -> None:
        super().__init__(**kwargs)
        for parameter in [*self.stem.parameters(), *self.blocks.parameters()]:
            parameter.requires_grad = False


class Detached(SmallResNet):
    """No gradient passes the pooling."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(images)).detach().mean((2, 3)))
        return logits


class NormsInEval(SmallResNet):
    """`train` does not reach batch normalisation."""

    def train(self, mode: bool = True) -> NormsInEval:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class LeaksAcrossTheBatch(SmallResNet):
    """Takes the batch's mean where the image's was meant."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - images.mean())


class Colourblind(nn.Module):
    """One number is all that its head sees of an image: no ten classes fit through."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Linear(1, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


@dataclasses.dataclass(frozen=True)
class TrainingOnly(Trick):
    """Scales training images, and forgets those of validation."""

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return images / 16, targets


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
def test_bug_is_caught_and_named(bug: str) -> None:
    """By its check, at its level, in words."""
    recipe, check, level, words = BUGS[bug]
    found = _finding(recipe, check)
    assert found.level is level, found
    assert words in f"{found.message}: {found.advice}"


def test_the_readme_lists_what_is_planted(repo: Path) -> None:
    """With the check that catches it, and its level."""
    readme = (repo / "README.md").read_text()
    for bug, (_, check, level, _) in BUGS.items():
        assert f"| {bug} | `{check}` | {level} |" in readme


def _finding(recipe: Recipe, check: str) -> Finding:
    """Make the checks as far as the one that is asked for."""
    return next(finding for finding in run_preflight(recipe, seconds=60) if finding.check == check)


EPOCH = Batches.epoch


def _unshuffled(self: Batches, _rng: torch.Generator | None) -> Iterator[tuple[Tensor, Tensor]]:
    return EPOCH(self, None)


def test_an_order_that_never_changes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixed but never shuffled is a warning; sorted by class, a stop."""
    monkeypatch.setattr(Batches, "epoch", _unshuffled)
    found = _finding(RECIPE, "order")
    assert (found.level, found.message.partition(":")[0]) == (WARNING, "never shuffled")
    found = _finding(_data(sorted_by_class), "order")
    assert found.level is STOP
    assert found.message.startswith("sorted by class and the same in two epochs")


def test_a_sorted_set_that_is_shuffled_is_no_bug() -> None:
    """It is how folders are read."""
    assert _finding(_data(sorted_by_class), "order").level is Level.OK
