"""What changes while a trial trains: what a checkpoint holds, and how it is put back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from darkmagic.trainers.outputs.checkpoint import load_checkpoint, save_checkpoint
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CHECKPOINT
from darkmagic.trainers.prepare.mid_epoch import MidEpoch
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.processes import processes

__all__ = ["TrainingState"]

SHARE_OF_TIME = 0.01
"""That saving within epochs may take: a large network is saved less often than it is asked for."""
MOST_UNASKED = 1000
"""Steps after which processes of a trial agree anew on whether a checkpoint is due."""


class TrainingState:
    """The weights, the optimizer and the loss scale of `trial`, and the epochs that made them.

    `history` has an event an epoch, and `within` says where in the next one it goes on.
    This run of the trial began when `time.perf_counter()` read `started`.
    """

    def __init__(self, trial: Trial, started: float) -> None:
        self.network = trial.network
        self.optimizer = trial.optimizer
        self.average = trial.average
        self.history: list[dict[str, Any]] = []
        self.within = MidEpoch()
        self._pipeline = trial.pipeline
        self._scale = trial.scale
        self._started = started
        self._earlier = 0.0  # seconds in runs that were interrupted
        self._saved = ((0, 0), started)  # epochs and steps of the checkpoint, and when it was
        self._save_seconds = 0.0  # that the last one took
        self._asked, self._unasked, self._ask_after = started, 0, 1  # when, and steps since

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

    def save_within_epoch_if_due(
        self, directory: Path, every: float, place: Callable[[], MidEpoch], *, last: bool
    ) -> None:
        """Save a checkpoint of a `place` in an epoch, where the last one is `every` seconds old.

        The `last` step of an epoch is followed by the epoch's own. It waits until the batches that
        were drawn together are used up.
        """
        if not last and self._is_due(every) and self._pipeline.draws:
            self.save(directory, place())

    def _is_due(self, every: float) -> bool:
        """Whether the last checkpoint is old enough, after one more step.

        Of several processes the first one decides, and when it is asked again: asking takes longer
        than a short step, and all must ask after the same one.
        """
        them, now = processes(), time.perf_counter()
        self._unasked += 1
        if them.count > 1 and self._unasked < self._ask_after:
            return False
        left = max(every, self._save_seconds / SHARE_OF_TIME) - (now - self._saved[1])
        steps = left * self._unasked / max(now - self._asked, 1e-9)
        due, self._ask_after = them.agree((left <= 0, max(1, min(int(steps), MOST_UNASKED))))
        self._asked, self._unasked = now, 0
        return due

    def save(self, directory: Path, within: MidEpoch | None = None) -> None:
        """Save a checkpoint, unless the last one is of the same place."""
        within = within or MidEpoch()
        place = len(self.history), within.step
        if self._saved[0] == place or not processes().is_first:
            return
        began = time.perf_counter()
        save_checkpoint(
            directory,
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "scale": None if self._scale is None else self._scale.state_dict(),
                "history": self.history,
                "seconds": self.seconds,
                "within": within.as_dict(),
            },
        )
        self._saved = place, time.perf_counter()
        self._save_seconds = self._saved[1] - began

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
            self._pipeline.start_epoch(len(self.history))
            steps = self._pipeline.steps_per_epoch
            self.within = MidEpoch.of(checkpoint.get("within"), self._pipeline.draws, steps)
            self._saved = (len(self.history), self.within.step), time.perf_counter()
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            path = directory / CHECKPOINT
            raise DamagedFileError(path, "is of another network or recipe") from error
