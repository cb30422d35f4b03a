"""What changes while a trial trains: what a checkpoint holds, and how it is put back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from torch import nn

from darkmagic.trainers.outputs.checkpoint import load_checkpoint, save_checkpoint
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CHECKPOINT
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.processes import processes

__all__ = ["TrainingState"]


class TrainingState:
    """The weights, the optimizer and the loss scale of `trial`, and the epochs that made them.

    `history` has an event an epoch. This run of the trial began when `time.perf_counter()` read
    `started`.
    """

    def __init__(self, trial: Trial, started: float) -> None:
        self.network = trial.network
        self.optimizer = trial.optimizer
        self.average = trial.average
        self.history: list[dict[str, Any]] = []
        self._scale = trial.scale
        self._started = started
        self._earlier = 0.0  # seconds in runs that were interrupted
        self._saved = (0, started)  # epochs in the checkpoint, and when it was saved or loaded

    @property
    def evaluated(self) -> nn.Module:
        """The network, or the average in its place."""
        return self.network if self.average is None else self.average

    @property
    def seconds(self) -> float:
        """Seconds since the trial began, in all its runs."""
        return self._earlier + time.perf_counter() - self._started

    def save_if_due(self, directory: Path, every: float, *, epochs: int) -> None:
        """Save a checkpoint where the last one is `every` seconds old, or all `epochs` are done."""
        if len(self.history) == epochs or time.perf_counter() - self._saved[1] >= every:
            self.save(directory)

    def save(self, directory: Path) -> None:
        """Save a checkpoint, unless the last one has all epochs."""
        if self._saved[0] == len(self.history) or not processes().is_first:
            return
        save_checkpoint(
            directory,
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "scale": None if self._scale is None else self._scale.state_dict(),
                "history": self.history,
                "seconds": self.seconds,
            },
        )
        self._saved = len(self.history), time.perf_counter()

    def resume(self, directory: Path) -> None:
        """Go on from the checkpoint, if there is one. Raises `DamagedFileError`."""
        checkpoint = load_checkpoint(directory)
        if checkpoint is None:
            return
        try:
            self.network.load_state_dict(checkpoint["model"])
            self.optimizer.load_state_dict(checkpoint["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(checkpoint["average"])
            if self._scale is not None and checkpoint["scale"] is not None:
                self._scale.load_state_dict(checkpoint["scale"])
            self.history = list(checkpoint["history"])
            self._earlier = float(checkpoint["seconds"])
            self._saved = len(self.history), time.perf_counter()
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            path = directory / CHECKPOINT
            raise DamagedFileError(path, "is of another network or recipe") from error
