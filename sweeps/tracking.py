"""MLflow, written in batches by the orchestrator alone.

What cannot be sent now waits and is tried again at the next flush. How many events of a trial
have been sent is a tag that goes out in the same batch, so that a later run of the experiment
knows what is missing.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.fields import (
    EVENTS_SENT,
    EXPERIMENT,
    KIND,
    PARENT,
    RECIPE,
    STATUS,
    run_key,
)
from darkmagic.sweeps.uncollected import uncollected

__all__ = ["TrackedRun", "Tracker", "default_uri", "open_client", "search_runs"]

METRICS_A_BATCH, PARAMS_A_BATCH = 1000, 100  # MLflow's limits
RETRY_SECONDS = 10.0


def default_uri(named: str | None, out: Path) -> str:
    """Return the tracking URI: the configured one, the environment's, or SQLite in `out`."""
    uri = named or os.environ.get("MLFLOW_TRACKING_URI")
    return uri or f"sqlite:///{out}/mlflow.db"


@uncollected()  # MLflow is imported in here, and its store with the first client
def open_client(uri: str) -> Any:
    """Return an `MlflowClient` of `uri`, whose store answers. Raises `UserError` if not."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # migrations of a new store are no news to a user
        logging.getLogger(name).setLevel(logging.WARNING)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"MLflow's store at {_shown(uri)} does not answer: {reason}") from error
    return client


def search_runs(client: Any, experiment_id: str, tags: Mapping[str, str]) -> list[Any]:
    """Return every run with `tags`, newest first, over as many pages as there are."""
    clauses = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs, token = [], None
    while True:
        page = client.search_runs([experiment_id], clauses, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _shown(uri: str) -> str:
    """Leave out a password."""
    parts = urlparse(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


@dataclass
class TrackedRun:
    """A run of MLflow's and what waits to be sent to it."""

    run_id: str
    events_sent: int = 0
    status: str = ""
    known: dict[str, str] = field(default_factory=dict)  # the tags that it had when opened
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)  # to be its artifacts
    ends_as: str | None = None  # MLflow's status, once what waits is sent

    def add_metrics(self, metrics: Mapping[str, float], *, when: float, step: int) -> None:
        """Queue `metrics` of `step`, measured at the unix time `when`."""
        stamp = int(when * 1000)
        self.metrics += [(name, value, stamp, step) for name, value in metrics.items()]

    @property
    def waiting(self) -> bool:
        """Whether anything is to be sent."""
        return bool(self.tags or self.metrics or self.params or self.files or self.ends_as)


class Tracker:
    """The runs of one experiment. Not thread-safe: one thread writes."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None) -> None:
        self.uri = uri
        self.experiment = experiment
        self._client = open_client(uri)
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            # A server has its own place for artifacts; an embedded store keeps them beside it.
            location = artifacts.as_uri() if artifacts and uri.startswith("sqlite:") else None
            self._experiment_id = self._client.create_experiment(experiment, location)
        else:
            self._experiment_id = found.experiment_id
        self._runs: dict[str, TrackedRun] = {}
        self._retry_at = 0.0
        self.problem: str | None = None  # why the last flush could not send everything

    def _search(self, **tags: str) -> list[Any]:
        return search_runs(self._client, self._experiment_id, tags)

    def open_sweep(self, recipe: str, tags: Mapping[str, str], kind: str = "sweep") -> TrackedRun:
        """Return the parent run of the sweep over `recipe`, a new one where there is none."""
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
        """Return the run of the trial with `tags`, a new one where `known` has none."""
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
            run.tags = {key: value for key, value in tags.items() if known.get(key) != value}
        followed = self._runs.setdefault(run.run_id, run)
        followed.tags.update(run.tags)
        return followed

    def follow(self, run_id: str) -> TrackedRun:
        """Return the run `run_id`, the one that is open if there is one, to write more to."""
        return self._runs.setdefault(run_id, TrackedRun(run_id))

    def reopen(self, run: TrackedRun) -> None:
        """Say that `run` goes on."""
        self._client.update_run(run.run_id, status="RUNNING")

    def flush(self, *, now: bool = False) -> bool:
        """Send what waits, a call a run; return whether nothing is left.

        After a failure the store is left alone for `RETRY_SECONDS`, unless `now`.
        """
        if not now and time.monotonic() < self._retry_at:
            return False
        for run in self._runs.values():
            if run.waiting and not self._send(run):
                self._retry_at = time.monotonic() + RETRY_SECONDS
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
                if last and not run.params and run.ends_as:
                    self._client.set_terminated(run.run_id, run.ends_as)
                    run.ends_as = None
        except Exception as error:  # noqa: BLE001 (whatever the store raises, training goes on)
            self.problem = str(error).strip().splitlines()[0]
            return False
        return True
