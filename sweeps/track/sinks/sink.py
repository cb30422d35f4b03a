"""Sink: a second place that trials are written to, from the orchestrator alone, as MLflow is.

What was written is remembered by trial, with the status that it ended in. A trial that has not
ended there is written anew from its first epoch by the next command, as its files have all of it:
so nothing is missing and nothing is there twice, however a command ended.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from darkmagic.checklist.secrets import mask_nested, mask_secrets
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.text import shell_word
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.json_file import read_json, write_json

__all__ = ["Sink"]

WRITTEN = ".{name}_written.json"
"""Of an experiment: the status of each trial that is in the sink to its end, by its folder."""


class Sink(ABC):
    """The trials of one experiment in one more place. One thread at a time writes."""

    name: str
    """What it is called in messages."""
    look: str
    """The command that shows what is there, with the experiment's `{folder}`."""

    def __init__(self, folder: Path, experiment: str) -> None:
        self.folder = folder
        self.place = folder / self.name
        self.experiment = experiment
        self.problem: str | None = None  # why something was not written
        self._file = folder / WRITTEN.format(name=self.name)
        self._written = _read(self._file)
        self.has_written = False
        self._runs: dict[str, TrackedRun] = {}

    def open_trial(
        self, key: str, name: str, status: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> TrackedRun:
        """Return the run of the trial in the folder `key`, which stands at `status`, to fill.

        One that is written with that status already takes nothing more.
        """
        run = TrackedRun(key, name, tags=mask_nested(tags), params=mask_nested(dict(params)))
        run.is_gone = self._written.get(key) == status
        self._runs[key] = run
        return run

    def flush(self) -> bool:
        """Write what waits; return whether all of it was."""
        ended = False
        for key, run in list(self._runs.items()):  # another thread opens trials meanwhile
            if not run.waiting:
                continue
            try:
                self._write(key, run)
                self.has_written = True
            except Exception as error:  # noqa: BLE001 (whatever it raises, training goes on)
                self.problem = mask_secrets(short_message(error))
                run.is_gone = True  # the next command writes it anew
                continue
            if run.next_status is not None:
                self._written[key] = run.status
                run.is_gone = ended = True
        if ended:
            write_json(self._file, self._written)
        return self.problem is None

    @property
    def hint(self) -> str:
        """The line that says how to look at what is there."""
        return f"{self.name}: {self.look.format(folder=shell_word(str(self.place)))}"

    @abstractmethod
    def _write(self, key: str, run: TrackedRun) -> None:
        """Write what waits of `run` and take it out. `run.next_status` is set at its end."""

    def close(self) -> None:
        """End; the trials that have not ended are written by the next command."""
        self._runs.clear()


def _read(file: Path) -> dict[str, str]:
    try:
        return read_json(file) or {}
    except (OSError, DamagedFileError):  # all is written anew
        return {}
