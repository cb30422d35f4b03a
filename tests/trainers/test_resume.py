"""Training that is interrupted or killed goes on to the weights of one that was not."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.optimizer import Adam, Lion, Muon, Sam, ScheduleFree, Sgd
from training import RECIPE, StopsAfter, epochs_of, same, train_in


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    "optimizer",
    [Sgd(lr=0.05, nesterov=True), Adam(), Lion(), Sam(lr=0.05), Muon(), ScheduleFree(lr=0.5)],
    ids=lambda optimizer: type(optimizer).__name__,
)
@pytest.mark.parametrize("ema", [Trick(), Ema(0.9, warmup=False)], ids=["plain", "ema"])
def test_resumed_training_ends_in_the_same_weights(
    tmp_path: Path, optimizer: Trick, ema: Trick
) -> None:
    """From the checkpoint of any epoch, with optimizer state and averages."""
    tricks = {**RECIPE.tricks, "optimizer": optimizer, "ema": ema}
    recipe = dataclasses.replace(RECIPE, tricks=tricks)
    whole, weights = train_in(recipe, tmp_path / "whole")

    def stop(event: dict[str, object]) -> None:
        if event["epoch"] == 2:
            raise StopsAfter

    part = tmp_path / "part"
    part.mkdir()
    with pytest.raises(StopsAfter):
        train(recipe, part, on_event=stop)
    resumed = train(recipe, part)
    checkpoint = load_checkpoint(part)
    assert checkpoint is not None
    assert same(weights, checkpoint["model"])
    assert resumed.val_accuracy == whole["val_accuracy"]
    assert [event["epoch"] for event in epochs_of(part)] == [1, 2, 3]


KILLED = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {tests!r})
from training import RECIPE
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
        train(recipe, directory, on_event=stop)
    (tmp_path / "whole").mkdir()
    with pytest.raises(Enough):
        train(recipe, tmp_path / "whole", on_event=stop)
    killed, whole = load_checkpoint(directory), load_checkpoint(tmp_path / "whole")
    assert killed is not None
    assert whole is not None
    assert same(killed["model"], whole["model"])
    epochs = [event["epoch"] for event in epochs_of(directory)]
    assert epochs == list(range(1, done + 4))


def _whole_lines(directory: Path) -> list[str]:
    text = (directory / "events.jsonl").read_text()
    return text[: text.rfind("\n") + 1].splitlines()


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    """What a kill left of a line does not spoil the next one."""
    log = EventLog(tmp_path)
    epoch = {"type": "epoch", "epoch": 1, "epochs": 2, "time": 0.0, "images_per_second": 1.0}
    figures = {"train_loss": float("nan"), "val_loss": 1.0, "val_accuracy": 0.5}
    log.append({**epoch, **figures})
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"type": "epo')
    log = EventLog(tmp_path)
    assert log.epochs == {1}
    log.append({"type": "epoch", "epoch": 2})
    assert [event["epoch"] for event in epochs_of(tmp_path)] == [1, 2]
    assert epochs_of(tmp_path)[0]["train_loss"] is None
