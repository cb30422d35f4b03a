"""A run that is killed within an epoch goes on at its last checkpoint's step, bit for bit."""

from __future__ import annotations

import dataclasses
import io
import json
import multiprocessing
import random
import signal
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.base import DataSet
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.data.webdataset import WebDataset
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint, save_checkpoint
from darkmagic.trainers.outputs.names import CHECKPOINT
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.cutmix import CutMix
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Adam, Sam, ScheduleFree, Sgd
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from darkmagic.trainers.tricks.repeated_augmentation import RepeatedAugmentation
from darkmagic.trainers.tricks.sampling import Sampling
from darkmagic.trainers.tricks.swa import Swa
from training import AMP, same

EPOCHS, BATCH, IMAGES = 3, 8, 200  # of which 120 are in train: 15 steps an epoch
STEPS = 15


class Killed(Exception):  # noqa: N818
    """Stands for a kill after a step."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _recipe(**tricks: Trick) -> Recipe:
    plain = {"lr_regime": Cosine(), "optimizer": Sgd(lr=0.05, nesterov=True)}
    return Recipe(
        dataset=Shapes(count=IMAGES),
        build=partial(SmallResNet, depth=8, width=4),
        tricks={**plain, "augmentation": AutoAugment(), "mixup": Mixup(), **tricks},
        epochs=EPOCHS,
        batch_size=BATCH,
        device="cpu",
        checkpoint_seconds=0,
        amp=AMP,
    )


def _figures(directory: Path) -> list[tuple[float, float]]:
    lines = (directory / "events.jsonl").read_text().splitlines()
    epochs = [event for event in map(json.loads, lines) if event["type"] == "epoch"]
    return [(event["train_loss"], event["val_loss"]) for event in epochs]


def _train(recipe: Recipe, directory: Path, kill_after: int | None = None) -> int:
    """Train on; return the steps that were taken, and end after `kill_after` of them."""
    directory.mkdir(exist_ok=True)
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1
        if taken == kill_after:
            raise Killed

    if kill_after is None:
        train(recipe, directory, on_step=step)
    else:
        with pytest.raises(Killed):
            train(recipe, directory, on_step=step)
    return taken


def _weights(directory: Path) -> dict[str, torch.Tensor]:
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    average = {f"average {k}": v for k, v in (checkpoint["average"] or {}).items()}
    return {**checkpoint["model"], **average}


RECIPES = {
    "plain": _recipe(),
    "dropout": _recipe(dropout=Dropout(0.3, wider_than=8), optimizer=Adam()),
    "average": _recipe(ema=Ema(0.9, warmup=False), mixup=CutMix()),
    "swa and sam": _recipe(swa=Swa(), optimizer=Sam(lr=0.05)),
    "own state": _recipe(optimizer=ScheduleFree(lr=0.5)),
    "drawn again": _recipe(optimizer=Adam(), sampling=Sampling()),
    "sizes": _recipe(progressive_resizing=ProgressiveResizing()),
    "repeats": _recipe(repeated_augmentation=RepeatedAugmentation()),
}


@pytest.mark.parametrize("name", RECIPES)
def test_killed_within_epochs_ends_in_the_same_numbers(tmp_path: Path, name: str) -> None:
    """Killed at random steps, again and again; losses of every epoch and weights are the same."""
    recipe = RECIPES[name]
    _train(recipe, tmp_path / "whole")
    rng = random.Random(name)
    part = tmp_path / "part"
    taken, at = 0, 0
    for _ in range(4):
        taken += _train(recipe, part, kill_after=rng.randint(1, STEPS - 3))
        saved = load_checkpoint(part)
        at += saved is not None and saved["within"] is not None
    taken += _train(recipe, part)
    assert at >= 1, "no checkpoint was within an epoch"
    assert taken < (EPOCHS + 4) * STEPS
    assert _figures(part) == _figures(tmp_path / "whole")
    assert same(_weights(part), _weights(tmp_path / "whole"))


@pytest.mark.parametrize("step", [1, 2, 3, 7, STEPS - 1])
def test_run_goes_on_at_the_step_of_its_checkpoint(tmp_path: Path, step: int) -> None:
    """The steps before it are not taken again, nor their batches read."""
    recipe = dataclasses.replace(RECIPES["plain"], checkpoint_seconds=3600)
    directory = tmp_path / "run"
    _train(dataclasses.replace(recipe, checkpoint_seconds=0), directory, kill_after=step + 1)
    saved = load_checkpoint(directory)
    assert saved is not None
    place = 0 if saved["within"] is None else saved["within"]["step"]
    assert 1 <= place <= step
    assert _train(recipe, directory) == EPOCHS * STEPS - place


def _folder(root: Path) -> Folder:
    for index in range(60):
        path = root / "photos" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index * 4, 255 - index, 0)).save(path)
    return Folder(str(root / "photos"), memory_budget=0, cache=str(root / "cache"))


def _shards(root: Path) -> WebDataset:
    folder = _folder(root)
    for shard in range(2):
        with tarfile.open(root / f"train-{shard}.tar", "w") as tar:
            for path in sorted((root / "photos").rglob("*.png"))[shard::2]:
                tar.add(path, path.name)
                label = tarfile.TarInfo(f"{path.stem}.cls")
                label.size = 1
                tar.addfile(label, io.BytesIO(path.parent.name.encode()))
    return WebDataset(str(root / "train-{0..1}.tar"), memory_budget=0, cache=folder.cache)


@pytest.mark.parametrize(("workers", "make"), [(0, _folder), (1, _folder), (1, _shards)])
def test_images_of_files_are_read_from_the_step_on(
    tmp_path: Path, workers: int, make: Callable[[Path], DataSet]
) -> None:
    """With and without loading processes, which draw from torch's generator as they begin."""
    recipe = dataclasses.replace(
        RECIPES["dropout"], dataset=make(tmp_path), workers=workers, batch_size=4, epochs=2
    )
    _train(recipe, tmp_path / "whole")
    _train(recipe, tmp_path / "part", kill_after=6)
    saved = load_checkpoint(tmp_path / "part")
    assert saved is not None
    assert saved["within"] is not None
    _train(recipe, tmp_path / "part")
    assert _figures(tmp_path / "part") == _figures(tmp_path / "whole")
    assert same(_weights(tmp_path / "part"), _weights(tmp_path / "whole"))


def test_checkpoints_within_epochs_are_seconds_apart(tmp_path: Path) -> None:
    """With long intervals there is none before the first epoch has ended."""
    recipe = dataclasses.replace(RECIPES["plain"], checkpoint_seconds=3600)
    _train(recipe, tmp_path / "run", kill_after=STEPS - 1)
    assert not (tmp_path / "run" / CHECKPOINT).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda place: place.update(step=0),
        lambda place: place["draws"].pop("flip"),
        lambda place: place.update(cpu=None),
        lambda place: place.update(more=1),
        lambda place: place.update(step=STEPS),
        lambda place: place.update(step=10**9),
        lambda place: place.update(step=None),
        lambda place: place.update(loss_sum=torch.zeros(3)),
        lambda place: place.update(loss_sum=None),
        lambda place: place.update(seconds="x"),
        lambda place: place["draws"].update(flip=torch.zeros(8, dtype=torch.uint8)),
        lambda place: place["draws"].update(flip=torch.zeros(5056)),
        lambda place: place.update(cpu=torch.zeros(16, dtype=torch.uint8)),
        lambda place: place.update(draws=None),
    ],
)
def test_place_of_other_batches_is_set_aside(tmp_path: Path, change: object) -> None:
    """A checkpoint whose place cannot be gone on from is damaged: training starts over, and says
    so, and ends as one that was not killed.
    """
    recipe, part = RECIPES["plain"], tmp_path / "part"
    _train(recipe, tmp_path / "whole")
    _train(recipe, part, kill_after=5)
    saved = load_checkpoint(part)
    assert saved is not None
    assert callable(change)
    change(saved["within"])
    save_checkpoint(part, saved)
    assert _train(recipe, part) == EPOCHS * STEPS
    assert "starts over" in (part / "events.jsonl").read_text()
    assert same(_weights(part), _weights(tmp_path / "whole"))


def test_images_that_were_deleted_meanwhile_start_the_trial_over(tmp_path: Path) -> None:
    """A place behind the end of the epoch, which is shorter now, ended the trial for ever."""
    recipe, part = RECIPES["plain"], tmp_path / "part"
    _train(recipe, part, kill_after=STEPS - 1)
    fewer = dataclasses.replace(recipe, batch_size=100)  # one step an epoch, as of fewer images
    assert _train(fewer, part) == EPOCHS
    assert "starts over" in (part / "events.jsonl").read_text()


LONG = dataclasses.replace(
    RECIPES["dropout"], dataset=Shapes(count=1000), epochs=1, batch_size=4, checkpoint_seconds=0.1
)


def test_sigkill_within_the_first_epoch_loses_little(tmp_path: Path) -> None:
    """A process that is killed within its first epoch leaves a checkpoint of it, and another one
    goes on to the numbers of a run that was not killed.
    """
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    child = multiprocessing.get_context("fork").Process(target=train, args=(LONG, killed))
    child.start()
    deadline = time.monotonic() + 120
    while not (killed / CHECKPOINT).exists():
        assert time.monotonic() < deadline
        assert child.is_alive()
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.3))
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    steps = 600 // LONG.batch_size * LONG.epochs
    assert _train(LONG, killed) < steps
    assert _train(LONG, whole) == steps
    assert _figures(killed) == _figures(whole)
    assert same(_weights(killed), _weights(whole))
