"""One trial: its numbers, its files, and what happens when it is killed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.checkpoint import load_checkpoint
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.files import EventLog
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import TrialSkipped, Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Adam, Lion, Muon, Sam, ScheduleFree, Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay

RECIPE = Recipe(
    dataset=Shapes(count=200),
    build=partial(SmallResNet, depth=8, width=4),
    tricks={
        "lr_regime": Cosine(),
        "optimizer": Sgd(lr=0.05, nesterov=True),
        "augmentation": AutoAugment(),
        "mixup": Mixup(),
        "weight_decay": WeightDecay(1e-3),
    },
    epochs=3,
    batch_size=32,
    device="cpu",
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _train(recipe: Recipe, directory: Path) -> tuple[dict[str, object], dict[str, torch.Tensor]]:
    directory.mkdir()
    result = train(recipe, directory).as_dict()
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    return result, checkpoint["model"]


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a | b)


def _epochs(directory: Path) -> list[dict[str, object]]:
    lines = (directory / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["type"] == "epoch"]


def test_same_seed_same_weights_bit_for_bit(tmp_path: Path) -> None:
    """On a CPU; another seed gives others."""
    _, once = _train(RECIPE, tmp_path / "a")
    _, again = _train(RECIPE, tmp_path / "b")
    _, other = _train(dataclasses.replace(RECIPE, seed=1), tmp_path / "c")
    assert _same(once, again)
    assert not _same(once, other)


def test_training_learns(tmp_path: Path) -> None:
    """The loss falls and accuracy ends far above chance."""
    plain = {"optimizer": Adam(lr=0.01), "lr_regime": Cosine()}
    recipe = dataclasses.replace(RECIPE, tricks=plain, epochs=12, dataset=Shapes(count=600))
    result, _ = _train(recipe, tmp_path / "a")
    events = _epochs(tmp_path / "a")
    assert events[-1]["train_loss"] < events[0]["train_loss"] / 2
    assert result["val_accuracy"] == events[-1]["val_accuracy"] > 0.6


def test_result_has_every_figure(tmp_path: Path) -> None:
    """Costs are there, and FLOPs are those of the convolutions and the head."""
    result, _ = _train(RECIPE, tmp_path / "a")
    assert result["status"] == "finished"
    assert result["parameters"] == sum(p.numel() for p in SmallResNet(8, 4, 10, 1).parameters())
    convs = [(1, 4, 3, 8), *[(4, 4, 3, 8)] * 2, (4, 8, 3, 4), (8, 8, 3, 4), (4, 8, 1, 4)]
    convs += [(8, 16, 3, 2), (16, 16, 3, 2), (8, 16, 1, 2)]
    expected = sum(2 * i * o * k * k * side * side for i, o, k, side in convs) + 2 * 16 * 10
    assert result["flops"] == expected
    assert 0 < float(str(result["train_seconds"])) < float(str(result["wall_seconds"]))
    assert result["peak_memory_bytes"] is not None
    assert [event["epoch"] for event in _epochs(tmp_path / "a")] == [1, 2, 3]


def test_steps_can_be_limited(tmp_path: Path) -> None:
    """The schedules end where training ends."""
    result, _ = _train(dataclasses.replace(RECIPE, max_steps=5), tmp_path / "a")
    events = _epochs(tmp_path / "a")
    assert [event["steps"] for event in events] == [3, 2]
    assert events[-1]["lr"] == pytest.approx(0.05 * Cosine().lr_factor(4 / 5))
    assert result["epochs"] == 2


class _StopsAfter(Exception):  # noqa: N818
    """Stands for whatever interrupts a run between epochs."""


@pytest.mark.parametrize(
    "optimizer",
    [Sgd(lr=0.05, nesterov=True), Adam(), Lion(), Sam(lr=0.05), Muon(), ScheduleFree(lr=0.5)],
    ids=lambda optimizer: type(optimizer).__name__,
)
@pytest.mark.parametrize("ema", [None, 0.9])
def test_resumed_training_ends_in_the_same_weights(
    tmp_path: Path, optimizer: Trick, ema: float | None
) -> None:
    """From the checkpoint of any epoch, with optimizer state and averages."""
    tricks = {**RECIPE.tricks, "optimizer": optimizer}
    recipe = dataclasses.replace(RECIPE, tricks=tricks, ema_decay=ema)
    whole, weights = _train(recipe, tmp_path / "whole")

    def stop(event: dict[str, object]) -> None:
        if event["epoch"] == 2:
            raise _StopsAfter

    part = tmp_path / "part"
    part.mkdir()
    with pytest.raises(_StopsAfter):
        train(recipe, part, tell=stop)
    resumed = train(recipe, part)
    checkpoint = load_checkpoint(part)
    assert checkpoint is not None
    assert _same(weights, checkpoint["model"])
    assert resumed.val_accuracy == whole["val_accuracy"]
    assert [event["epoch"] for event in _epochs(part)] == [1, 2, 3]


KILLED = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {tests!r})
from test_train import RECIPE
from darkmagic.trainers.train import train
import dataclasses
torch.set_num_threads(1)
train(dataclasses.replace(RECIPE, epochs=200), Path({directory!r}))
"""


def test_kill_in_mid_training_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL at any moment; the run goes on to the weights of one that was not killed."""
    directory = tmp_path / "killed"
    directory.mkdir()
    script = KILLED.format(tests=str(Path(__file__).parent), directory=str(directory))
    child = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        if (directory / "events.jsonl").exists() and len(_whole_lines(directory)) >= 3:
            break
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    done = len(_whole_lines(directory))
    assert done >= 3
    recipe = dataclasses.replace(RECIPE, epochs=200)

    class Enough(Exception):  # noqa: N818
        """The comparison needs a few epochs more, not all."""

    def stop(event: dict[str, object]) -> None:
        if event["epoch"] >= done + 3:
            raise Enough

    with pytest.raises(Enough):
        train(recipe, directory, tell=stop)
    (tmp_path / "whole").mkdir()
    with pytest.raises(Enough):
        train(recipe, tmp_path / "whole", tell=stop)
    killed, whole = load_checkpoint(directory), load_checkpoint(tmp_path / "whole")
    assert killed is not None
    assert whole is not None
    assert _same(killed["model"], whole["model"])
    epochs = [event["epoch"] for event in _epochs(directory)]
    assert epochs == list(range(1, done + 4))


def _whole_lines(directory: Path) -> list[str]:
    text = (directory / "events.jsonl").read_text()
    return text[: text.rfind("\n") + 1].splitlines()


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    """What a kill left of a line does not spoil the next one."""
    log = EventLog(tmp_path)
    log.append({"type": "epoch", "epoch": 1, "loss": float("nan")})
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"type": "epo')
    log = EventLog(tmp_path)
    assert log.epochs_logged == 1
    log.append({"type": "epoch", "epoch": 2})
    assert [event["epoch"] for event in _epochs(tmp_path)] == [1, 2]
    assert _epochs(tmp_path)[0]["loss"] is None


def test_non_finite_loss_is_diverged(tmp_path: Path) -> None:
    """It ends at once, with the epoch in the reason."""
    tricks = {**RECIPE.tricks, "optimizer": Sgd(lr=1e30)}
    result, _ = _train(dataclasses.replace(RECIPE, tricks=tricks), tmp_path / "a")
    assert result["status"] == "diverged"
    assert "epoch 1" in str(result["reason"])
    assert len(_epochs(tmp_path / "a")) == 1


def test_average_is_of_the_weights(tmp_path: Path) -> None:
    """After one step from w0 to w1 it is decay * w0 + (1 - decay) * w1."""
    recipe = dataclasses.replace(RECIPE, max_steps=1, ema_decay=0.9)
    _train(recipe, tmp_path / "one")
    checkpoint = load_checkpoint(tmp_path / "one")
    assert checkpoint is not None
    still = dataclasses.replace(recipe, tricks={**RECIPE.tricks, "optimizer": Sgd(lr=0.0)})
    _, start = _train(still, tmp_path / "still")
    name = "stem.0.weight"
    expected = 0.9 * start[name] + 0.1 * checkpoint["model"][name]
    assert torch.allclose(checkpoint["average"][name], expected, atol=1e-6)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """A tiny norm all but stops plain SGD."""
    plain = {"optimizer": Sgd(lr=0.1, momentum=0.0)}
    recipe = dataclasses.replace(RECIPE, tricks=plain, max_steps=1)
    _, free = _train(recipe, tmp_path / "free")
    _, clipped = _train(dataclasses.replace(recipe, clip_grad_norm=1e-3), tmp_path / "clipped")
    _, start = _train(
        dataclasses.replace(recipe, tricks={"optimizer": Sgd(lr=0.0)}), tmp_path / "start"
    )
    names = [n for n, _ in SmallResNet(8, 4, 10, 1).named_parameters()]
    moved = torch.stack([(clipped[n] - start[n]).square().sum() for n in names]).sum().sqrt()
    assert moved.item() == pytest.approx(0.1 * 1e-3, rel=1e-2)
    assert not _same(free, clipped)


class _Absent:
    def load(self, split_seed: int) -> Data:
        raise TrialSkipped(f"no images for split {split_seed}")


def test_what_is_not_to_be_had_is_raised(tmp_path: Path) -> None:
    """For the caller to make a row of it."""
    with pytest.raises(TrialSkipped, match="split 0"):
        train(dataclasses.replace(RECIPE, dataset=_Absent()), tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"max_steps": 0}, {"amp": "fp8"}, {"ema_decay": 1.0}],
)
def test_bad_numbers_are_refused(change: dict[str, object]) -> None:
    """With the key and its range."""
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(RECIPE, **change)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_training_on_a_gpu(tmp_path: Path) -> None:
    """The same recipe trains there too, in bf16 where it can."""
    result, _ = _train(dataclasses.replace(RECIPE, device="cuda"), tmp_path / "a")
    assert result["status"] == "finished"
