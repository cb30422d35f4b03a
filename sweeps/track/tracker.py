"""Tracker: writes runs to MLflow in batches, from the orchestrator alone.

What cannot be sent waits for the next flush. The number of events that were sent of a trial is a
tag in the same batch, so that a later run of the experiment knows what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkmagic.sweeps.track.schema import (
    EVENTS_SENT,
    EXPERIMENT,
    KIND,
    PARENT,
    RECIPE,
    STATUS,
    run_key,
)
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.trainers.errors import short_message

__all__ = ["TrackedRun", "Tracker"]

METRICS_A_BATCH, PARAMS_A_BATCH = 1000, 100  # MLflow's limits
FLUSH_SECONDS, FLUSH_SECONDS_AT_MOST = 5.0, 30.0
FLUSH_SHARE = 0.01
"""Largest share of the time for flushing: each flush waits a hundred times as long as the last one
took, within the limits above.
"""
RUNNING = "RUNNING"


@dataclass
class TrackedRun:
    """A run in MLflow, and what waits to be sent to it."""

    run_id: str
    events_sent: int = 0
    status: str = ""
    known: dict[str, str] = field(default_factory=dict)  # the tags that it had when opened
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)  # to be its artifacts
    state: str = RUNNING  # MLflow's status of it
    next_status: str | None = None  # the next, once what waits is sent

    def add_metrics(self, metrics: Mapping[str, float], *, when: float, step: int) -> None:
        """Queue `metrics` of `step`, measured at the unix time `when`."""
        stamp = int(when * 1000)
        self.metrics += [(name, value, stamp, step) for name, value in metrics.items()]

    @property
    def waiting(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self.tags or self.metrics or self.params or self.files or self.next_status)

    def mark_running(self) -> None:
        """Set its status to running if it had ended before."""
        self.next_status = None if self.state == RUNNING else RUNNING


class Tracker:
    """The runs of one experiment. Not thread-safe: one thread writes."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None) -> None:
        self.uri = uri
        self.experiment = experiment
        self._client = open_client(uri)
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            # A server decides where artifacts go; an embedded store keeps them beside it.
            location = artifacts.as_uri() if artifacts and uri.startswith("sqlite:") else None
            self._experiment_id = self._client.create_experiment(experiment, location)
        else:
            self._experiment_id = found.experiment_id
        self._runs: dict[str, TrackedRun] = {}
        self._due_at = time.monotonic() + FLUSH_SECONDS
        self.problem: str | None = None  # why the last flush could not send everything

    def _search(self, **tags: str) -> list[Any]:
        return search_runs(self._client, self._experiment_id, tags)

    def open_sweep(self, recipe: str, tags: Mapping[str, str], kind: str = "sweep") -> TrackedRun:
        """Return the parent run of the sweep over `recipe`, a new one if there is none."""
        identity = {KIND: kind, EXPERIMENT: self.experiment, RECIPE: recipe}
        found = self._search(**identity)
        return self._open(found[0] if found else None, self.experiment, {**identity, **tags})

    def known_trials(self, parent_id: str | None) -> dict[tuple[str, ...], Any]:
        """Return the trials' runs under a parent (all of the experiment's if None) by key."""
        tags = {KIND: "trial"} if parent_id is None else {KIND: "trial", PARENT: parent_id}
        return {run_key(run.data.tags): run for run in self._search(**tags)}

    def open_trial(
        self,
        known: Mapping[tuple[str, ...], Any],
        parent: TrackedRun | None,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
    ) -> TrackedRun:
        """Return the run of the trial with `tags`, a new one if `known` has none."""
        if parent is not None:
            tags = {**tags, PARENT: parent.run_id}
        found = known.get(run_key(tags))
        run = self._open(found, name, tags)
        if found is None:
            run.params = dict(params)
        return run

    def _open(self, found: Any, name: str, tags: Mapping[str, str]) -> TrackedRun:
        if found is None:
            created = self._client.create_run(self._experiment_id, run_name=name, tags=dict(tags))
            run = TrackedRun(created.info.run_id)
        else:
            known = found.data.tags
            sent = int(known.get(EVENTS_SENT, 0))
            run = TrackedRun(found.info.run_id, sent, known.get(STATUS, ""), dict(known))
            run.state = found.info.status
            run.tags = {key: value for key, value in tags.items() if known.get(key) != value}
        followed = self._runs.setdefault(run.run_id, run)
        followed.tags.update(run.tags)
        return followed

    def follow(self, run_id: str) -> TrackedRun:
        """Return the run `run_id`, the one that is open if there is one, to write more to."""
        return self._runs.setdefault(run_id, TrackedRun(run_id))

    def flush_if_due(self) -> bool:
        """Flush if it is due; return False if something could not be sent."""
        began = time.monotonic()
        if began < self._due_at:
            return True
        done = self.flush()
        took = time.monotonic() - began
        pause = min(max(took / FLUSH_SHARE, FLUSH_SECONDS), FLUSH_SECONDS_AT_MOST)
        self._due_at = time.monotonic() + pause
        return done

    def flush(self) -> bool:
        """Send what waits, a call a run; return whether nothing is left."""
        for run in self._runs.values():
            if run.waiting and not self._send(run):
                return False
        self.problem = None
        return True

    def _send(self, run: TrackedRun) -> bool:
        from mlflow.entities import Metric, Param, RunTag

        try:
            while run.files:  # before the tags that say how the trial ended
                self._client.log_artifact(run.run_id, str(run.files[0]))
                del run.files[0]
            while run.waiting:
                metrics = run.metrics[:METRICS_A_BATCH]
                params = dict(list(run.params.items())[:PARAMS_A_BATCH])
                last = len(metrics) == len(run.metrics)
                self._client.log_batch(
                    run.run_id,
                    metrics=[Metric(*metric) for metric in metrics],
                    params=[Param(*param) for param in params.items()],
                    tags=[RunTag(*tag) for tag in run.tags.items()] if last else [],
                )
                run.metrics = run.metrics[len(metrics) :]
                run.params = {k: v for k, v in run.params.items() if k not in params}
                if last:
                    run.tags = {}
                if last and not run.params and run.next_status:
                    self._set_status(run, run.next_status)
        except Exception as error:  # noqa: BLE001 (whatever the store raises, training goes on)
            self.problem = short_message(error)
            return False
        return True

    def _set_status(self, run: TrackedRun, status: str) -> None:
        if status == RUNNING:
            self._client.update_run(run.run_id, status=status)
        else:
            self._client.set_terminated(run.run_id, status)
        run.state, run.next_status = status, None
