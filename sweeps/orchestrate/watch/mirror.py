"""What is sent to MLflow is written to a second place too, where the user chose one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps.orchestrate.trial_state import TrialState, flatten
from darkmagic.sweeps.track.schema.metrics import epoch_metrics, result_metrics
from darkmagic.sweeps.track.sinks.sink import Sink
from darkmagic.sweeps.track.tracked_run import TrackedRun

__all__ = ["Mirror"]


class Mirror:
    """The trials of a sweep in `sink`; nothing where that is None."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._runs: dict[str, TrackedRun] = {}

    def add_epoch(self, state: TrialState, event: Mapping[str, Any]) -> None:
        """Queue an epoch, as MLflow's is."""
        run = self._run(state)
        if run is not None:
            run.add_epoch(event["type"], event["epoch"], epoch_metrics(event), event["time"])

    def end(self, state: TrialState, mlflow_status: str) -> None:
        """Queue the end of a trial. One that was interrupted goes on with the next command."""
        run = self._run(state)
        if run is None or state.status in (Status.PENDING, Status.RUNNING):
            return
        run.add_metrics(result_metrics(state.result), when=time.time(), step=0)
        run.set_tags(state.tags)
        run.status, run.next_status = state.status, mlflow_status

    def flush(self) -> None:
        """Write what waits."""
        if self._sink is not None:
            self._sink.flush()

    def close(self) -> str | None:
        """Write what is left; return what the user is to know of it, if anything."""
        if self._sink is None:
            return None
        self._sink.flush()
        self._sink.close()
        if self._sink.problem is None:
            return self._sink.hint if self._sink.has_written else None
        return (
            f"{self._sink.name} did not take everything ({self._sink.problem}); the same command "
            "writes what is missing"
        )

    def _run(self, state: TrialState) -> TrackedRun | None:
        if self._sink is None:
            return None
        key = state.directory.name
        if key not in self._runs:
            tags, params = state.tags, flatten(state.resolved)
            self._runs[key] = self._sink.open_trial(key, state.run_name, state.status, tags, params)
        return self._runs[key]
