"""Too little to learn from is said before training, and that nothing was learnt is said first."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

from commanding import run_command
from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.checklist.runs.floor import nothing_learnt
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.cli.views.power import undecided_view
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.preflight.amounts import MIN_UPDATES, check_updates, check_validation
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.labels import check_labels
from darkmagic.trainers.preflight.modes import frozen_norms
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from image_sets import make_set
from planting import Changed
from preflighting import RECIPE, make_setup
from records import SMALL, record


def _recipe(root: Path) -> Recipe:
    return dataclasses.replace(RECIPE, dataset=Folder(str(root), cache=str(root) + ".cache"))


def _findings(recipe: Recipe) -> list[Finding]:
    found = list(run_preflight(recipe, seconds=0.2))
    assert not [f.message for f in found if "the check ended in" in f.message]
    assert not [f.message for f in found if "eval mode in training" in f.message]
    return found


@pytest.mark.parametrize("counts", [(1, 1), (2, 2), (1, 1, 1, 1, 1), (2, 1), (2, 2, 1)])
def test_no_validation_image_is_a_stop_before_and_in_training(
    tmp_path: Path, counts: Sequence[int]
) -> None:
    """One or two images a class leave none for validation: one line, no error of a function."""
    root = make_set(tmp_path / "set", {f"c{i}": n for i, n in enumerate(counts)})
    last = _findings(_recipe(root))[-1]
    assert (last.check, last.level) == ("classes", Level.STOP)
    assert "no image is left for val" in last.message
    with pytest.raises(ValueError, match="no image is left for val"):
        Trial.prepare(_recipe(root))


def _of_one_class(data: Data) -> Data:
    return dataclasses.replace(
        data, train=Split(data.train.images, torch.zeros_like(data.train.targets))
    )


def test_one_class_is_a_stop_and_nothing_is_said_after_it() -> None:
    """Of a set of any kind with one class, the last finding says so, and training is refused."""
    recipe = dataclasses.replace(RECIPE, dataset=Changed(Shapes(count=80), _of_one_class))
    last = _findings(recipe)[-1]
    assert (last.check, last.level) == ("classes", Level.STOP)
    assert "all images of train are of one class (disc)" in last.message
    with pytest.raises(ValueError, match="one class"):
        Trial.prepare(recipe)


def test_no_test_image_stops_only_what_tests() -> None:
    """A set without test images trains, and a trial that is to be tested is refused."""

    def without_test(data: Data) -> Data:
        assert isinstance(data.test.images, torch.Tensor)
        return dataclasses.replace(data, test=Split(data.test.images[:0], data.test.targets[:0]))

    recipe = dataclasses.replace(RECIPE, dataset=Changed(Shapes(count=80), without_test))
    assert Trial.prepare(recipe).data.classes
    with pytest.raises(ValueError, match="no image is left for test"):
        Trial.prepare(dataclasses.replace(recipe, test_set=True))


def _separable(root: Path, images: int, classes: int) -> Path:
    """Make a set whose images are all of their class's own grey, but for some noise."""
    rng = np.random.default_rng(0)
    for cls in range(classes):
        (root / f"c{cls}").mkdir(parents=True)
        for number in range(images):
            grey = rng.integers(0, 20, (8, 8)) + 230 * cls // max(1, classes - 1)
            Image.fromarray(grey.astype(np.uint8)).save(root / f"c{cls}" / f"{number}.png")
    return root


@pytest.mark.parametrize(
    ("images", "classes"), list(itertools.product((3, 4, 6, 10, 20, 40), (2, 5)))
)
def test_labels_are_not_doubted_beside_a_figure_of_all(
    tmp_path: Path, images: int, classes: int
) -> None:
    """Where neighbours share their class, few images are "too few to tell", never "no relation"."""
    source = Folder(str(_separable(tmp_path / "set", images, classes)), cache=str(tmp_path / "c"))
    finding = check_labels(make_setup(dataset=source), 0.2)
    assert "no relation" not in finding.message
    assert finding.level is Level.OK or "too few to tell" in finding.message


@pytest.mark.parametrize(
    ("images", "batch_size", "epochs", "level"),
    [
        (195, 128, 2, Level.WARNING),  # two steps in all
        (195, 128, 500, Level.WARNING),  # a third of the images is left out of each epoch
        (195, 16, 2, Level.WARNING),
        (195, 16, 40, Level.OK),
        (10_000, 128, 30, Level.OK),
        (40, 128, 3, Level.WARNING),
    ],
)
def test_few_updates_are_a_warning_with_what_to_set(
    images: int, batch_size: int, epochs: int, level: Level
) -> None:
    """Few updates, and many images that no epoch has, are said with numbers that are enough."""
    blank = torch.zeros(images, 1, 1, 1, dtype=torch.uint8)
    setup = make_setup(batch_size=batch_size, epochs=epochs)
    train = Split(blank.expand(-1, 1, 8, 8), torch.arange(images) % 10)
    setup = dataclasses.replace(setup, data=dataclasses.replace(setup.data, train=train))
    finding = check_updates(setup)
    assert finding.level is level
    if finding.figures["updates"] < MIN_UPDATES:
        epochs = int(finding.advice.rpartition("epochs=")[2])
        changed = dataclasses.replace(setup.recipe, epochs=epochs)
        finding = check_updates(dataclasses.replace(setup, recipe=changed))
        assert finding.figures["updates"] >= MIN_UPDATES


@pytest.mark.parametrize(("count", "level"), [(40, Level.WARNING), (1000, Level.OK)])
def test_tiny_validation_set_is_a_warning(count: int, level: Level) -> None:
    """A validation set of few images is a warning that says what one of them is worth."""
    finding = check_validation(make_setup(dataset=Shapes(count=count)))
    assert finding.level is level
    assert "points of accuracy" in finding.message


FLAT: dict[str, Callable[[int], Image.Image]] = {
    "black": lambda _: Image.new("RGB", (8, 8)),
    "one grey each": lambda seed: Image.new("L", (8, 8), seed * 7 % 256),
    "white on a transparent ground": lambda seed: Image.merge(
        "LA", [Image.new("L", (8, 8), 255), Image.fromarray(_noise(seed, 256).astype(np.uint8))]
    ),
    "10 bits in 16": lambda seed: Image.fromarray(_noise(seed, 2**10)),
    "12 bits in 16": lambda seed: Image.fromarray(_noise(seed, 2**12)),
}


def _noise(seed: int, levels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, (8, 8), dtype=np.uint16)


@pytest.mark.parametrize("kind", FLAT)
def test_nearly_constant_pixels_are_a_stop_that_names_bit_depth(tmp_path: Path, kind: str) -> None:
    """Images in which (nearly) nothing is left are the last finding; no layer is blamed."""
    for cls in ("a", "b"):
        (tmp_path / "set" / cls).mkdir(parents=True)
        for number in range(12):
            image = FLAT[kind](number + 100 * (cls == "b"))
            image.save(tmp_path / "set" / cls / f"{number}.png")
    last = _findings(_recipe(tmp_path / "set"))[-1]
    assert (last.check, last.level) == ("pixels", Level.STOP)
    assert "bit depth" in last.advice


def test_norms_behind_constant_inputs_are_not_called_frozen() -> None:
    """Batch normalisation in train mode is seen to be by its variance where its mean stays 0."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU())
    assert frozen_norms(network, torch.zeros(4, 1, 8, 8)) == []


def _runs(accuracies: Sequence[float], **facts: object) -> list[TrialRecord]:
    names = ["baseline", "lr=cosine", "mixup=on", "stem=relu"]
    return [
        record(name, seed, accuracy + (seed - 1) / 400, **facts)
        for name, accuracy in zip(names, accuracies, strict=True)
        for seed in range(3)
    ]


UNLEARNT: dict[str, list[TrialRecord]] = {
    "ten classes at chance": _runs([0.10, 0.102, 0.10, 0.101], classes=10, images=1000),
    "luck on few images": _runs([0.5, 0.6, 0.55, 0.65], classes=2, images=20),
    "the commonest class": _runs([0.9] * 4, classes=2, images=1000, commonest=0.9),
    "below chance": _runs([0.01] * 4, classes=10, images=5000),
    "without a count of images": _runs([0.1] * 4, classes=10),
}
LEARNT: dict[str, list[TrialRecord]] = {
    "well": _runs([0.9] * 4, classes=10, images=1000),
    "barely, on many images": _runs([0.12] * 4, classes=10, images=50_000),
    "one trial alone": _runs([0.1, 0.1, 0.1, 0.5], classes=10, images=1000),
    "perfectly, on few images": _runs([1.0] * 4, classes=2, images=8),
    "above the commonest class": _runs([0.95] * 4, classes=2, images=1000, commonest=0.9),
    "in as many classes as are not known": _runs([0.1] * 4),
}


@pytest.mark.parametrize("kind", UNLEARNT)
def test_report_of_an_experiment_without_learning_says_so_first(kind: str) -> None:
    """It is said before the table, in every format, and no more seeds are sold."""
    comparison = compare(SMALL, UNLEARNT[kind])
    report = Report("mine", comparison, facts={}, overrides=("dataset=folder",))
    assert report.advice.steps == (("To find out why", "darkmagic preflight dataset=folder"),)
    console = Console(width=100, record=True, color_system=None)
    console.print(comparison_view(report, 100))
    assert console.export_text().startswith("Nothing was learnt: ")
    console.print(undecided_view(report))
    assert "to settle" not in console.export_text()
    for form in set(FORMATS) - {"csv"}:
        text = write_report(report, form)
        assert "seeds=" not in text, form
        assert "Nothing was learnt: " in text, form
    markdown = write_report(report, "md").splitlines()
    assert markdown[2].startswith("**Nothing was learnt: ")
    assert json.loads(write_report(report, "json"))["advice"][0].startswith("Nothing was learnt")


@pytest.mark.parametrize("kind", LEARNT)
def test_experiments_that_learnt_are_compared(kind: str) -> None:
    """An experiment with a run better than guessing, or of which that is not known, is judged."""
    assert nothing_learnt(LEARNT[kind]) is None
    report = Report("mine", compare(SMALL, LEARNT[kind]), facts={})
    assert report.advice.alarm == ""
    assert report.advice.sentences


def test_report_of_an_experiment_without_results_says_so_first() -> None:
    """Where every run failed, that is the alarm, with the baseline's reason."""
    names = ("baseline", "lr=cosine")
    gone = [record(n, status=Status.FAILED, accuracy=None, reason="ValueError: x") for n in names]
    advice = Report("mine", compare(SMALL, gone), facts={}).advice
    assert advice.alarm == "Nothing was trained: no run has a result (ValueError: x)."
    assert [why for why, _ in advice.steps] == ["To find out why"]


def test_runs_without_a_result_are_no_proof_that_nothing_was_learnt() -> None:
    """Where no run finished there is no accuracy to compare with guessing."""
    failed = [record(status=Status.FAILED, accuracy=None, classes=10)]
    assert nothing_learnt(failed) is None


@pytest.mark.weekly
def test_sweep_on_noise_says_what_was_read_and_that_nothing_was_learnt(tmp_path: Path) -> None:
    """The command shows folders and classes before training and the alarm before the table."""
    counts = {"Training/cat": 30, "Training/dog": 30, "valid/cat": 10, "valid/dog": 10}
    root = make_set(tmp_path / "set", {**counts, "Training/.ipynb_checkpoints": 1})
    tricks = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
    where = [f"dataset.source.root={root}", "hydra.launcher.devices=cpu", "runtime.device=cpu"]
    some = ["dataset=folder", "epochs=1", "batch_size=32", "model.build.width=4", tricks, *where]
    some.append("runtime.preflight_seconds=5")
    done = run_command("checklist", "run", *some, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = " ".join(done.stderr.split())
    assert "train from Training/, val from valid/, test cut from train (20%)" in seen
    assert "2 classes in train: cat 24, dog 24" in seen
    assert "left out: .ipynb_checkpoints/" in seen
    assert "updates" in seen
    assert done.stdout.lstrip().startswith("Nothing was learnt: ")
    assert "seeds=" not in done.stdout
    done = run_command("train", *some, "max_steps=1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "data: train from Training/, val from valid/" in " ".join(done.stderr.split())
