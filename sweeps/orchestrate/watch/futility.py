"""Watch of a sweep's running trials: which are hopeless beside their baseline, by its curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.planning.futility import hopeless
from darkmagic.checklist.records import STOPPED
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.track.schema.metrics import curve_of
from darkmagic.sweeps.trial.paths import read_events
from darkmagic.trainers.outputs.event_log import last_of_each_epoch

__all__ = ["FutilityWatch"]


class FutilityWatch:
    """Reads the events of trials as they train; `margin` is how far behind is hopeless, in the
    unit of the metric that decides.
    """

    def __init__(self, states: Sequence[TrialState], margin: float) -> None:
        self._margin = margin
        self._metric, self._figure = states[0].decisive, curve_of(states[0].metric)
        self._logs = {state.directory: _Log(state.directory) for state in states}
        self._baselines = [s.directory for s in states if s.trial.trick is None]

    def hopeless(self, directory: Path) -> str | None:
        """Return why the trial in `directory` is to be stopped, or None. The baseline never is."""
        log = self._logs.get(directory)
        if log is None or directory in self._baselines or not log.read():
            return None
        for each in self._baselines:
            self._logs[each].read()
        curves = [self._logs[each].epochs for each in self._baselines]
        reason = hopeless(log.epochs, curves, self._margin, self._metric, self._figure)
        return f"{STOPPED}{reason}" if reason else None


class _Log:
    """The epochs in the log of one trial."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offset = 0
        self._events: list[dict[str, Any]] = []
        self.epochs: list[Any] = []

    def read(self) -> bool:
        """Read what is new; return whether there is a new epoch."""
        events, self._offset = read_events(self._directory, self._offset)
        new = [event for event in events if event["type"] == "epoch"]
        self._events += new
        self.epochs = last_of_each_epoch(self._events) if new else self.epochs
        return bool(new)
