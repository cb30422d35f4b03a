"""Tracker: writes runs to MLflow in batches, from the orchestrator alone.

What cannot be sent waits for the next flush. The last epoch that was sent of a trial is a tag in
the same batch, so that a later run of the experiment knows what is missing. New runs are made by
the flush too: a trial need not wait for a server.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.secrets import mask_nested, mask_secrets
from darkmagic.sweeps.track.schema.tags import (
    EPOCHS_SENT,
    EVENTS_SENT,
    EXPERIMENT,
    IDENTITY,
    KIND,
    OPTION,
    PARENT,
    RECIPE,
    SEED,
    STATUS,
    TRICK,
    has_trial_tags,
    run_key,
)
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.track.tracked_run import RUNNING, TrackedRun
from darkmagic.trainers.errors import short_message

__all__ = ["Tracker", "check_active"]

METRICS_A_BATCH, PARAMS_A_BATCH = 1000, 100  # MLflow's limits
FLUSH_SECONDS, FLUSH_SECONDS_AT_MOST = 5.0, 30.0
FLUSH_SHARE = 0.01
"""Largest share of the time for flushing: each flush waits a hundred times as long as the last one
took, within the limits above.
"""
IDENTIFYING = (KIND, EXPERIMENT, RECIPE, IDENTITY, TRICK, OPTION, SEED)
"""Tags by which a run is found again."""


class Tracker:
    """The runs of one experiment. One thread adds to them, and one at a time flushes."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None) -> None:
        self.uri = uri
        self.experiment = experiment
        self._client = open_client(uri, say=None)  # who opens a tracker says so
        self._experiment_id = self._open_experiment(artifacts)
        self._runs: list[TrackedRun] = []
        self._due_at = time.monotonic()
        self._flushing = threading.Lock()
        self.problem: str | None = None  # why the last flush could not send everything
        self.deleted: list[str] = []  # names of runs that were found deleted

    def _open_experiment(self, artifacts: Path | None) -> str:
        from mlflow.exceptions import MlflowException

        uri, name = self.uri, self.experiment
        found = self._client.get_experiment_by_name(name)
        if found is None:
            # A server decides where artifacts go; an embedded store keeps them beside it.
            location = artifacts.as_uri() if artifacts and uri.startswith("sqlite:") else None
            try:
                return str(self._client.create_experiment(name, location))
            except MlflowException:  # another process made it at the same moment?
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        check_active(found)
        return str(found.experiment_id)

    def _search(self, **tags: str) -> list[Any]:
        return search_runs(self._client, self._experiment_id, tags)

    def open_sweep(self, recipe: str, tags: Mapping[str, str], kind: str = "sweep") -> TrackedRun:
        """Return the parent run of the sweep over `recipe`, a new one if there is none."""
        identity = {KIND: kind, EXPERIMENT: self.experiment, RECIPE: recipe}
        found = self._search(**identity)
        return self._open(found[0] if found else None, self.experiment, {**identity, **tags})

    def known_trials(self, parent_id: str | None) -> dict[tuple[str, ...], Any]:
        """Return the trials' runs under a parent (all of the experiment's if None) by key.

        A parent that is not made yet, whose id is empty, has none.
        """
        if parent_id == "":
            return {}
        tags = {KIND: "trial"} if parent_id is None else {KIND: "trial", PARENT: parent_id}
        found = self._search(**tags)
        return {run_key(run.data.tags): run for run in found if has_trial_tags(run.data.tags)}

    def open_trial(
        self,
        known: Mapping[tuple[str, ...], Any],
        parent: TrackedRun | None,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
    ) -> TrackedRun:
        """Return the run of the trial with `tags`, a new one if `known` has none."""
        found = known.get(run_key(tags))
        run = self._open(found, name, tags, parent)
        if found is None:
            run.params = mask_nested(dict(params))
        return run

    def _open(
        self, found: Any, name: str, tags: Mapping[str, str], parent: TrackedRun | None = None
    ) -> TrackedRun:
        tags = mask_nested(tags)
        if found is None:
            run = TrackedRun("", name, parent, tags=dict(tags))
            self._runs.append(run)
            return run
        before = next((run for run in self._runs if run.run_id == found.info.run_id), None)
        known = found.data.tags
        run = before or TrackedRun(
            found.info.run_id, name, parent, status=known.get(STATUS, ""), known=dict(known)
        )
        if before is None:
            run.epochs_sent = json.loads(known.get(EPOCHS_SENT, "{}"))
            run.events_sent = 0 if EPOCHS_SENT in known else int(known.get(EVENTS_SENT, 0))
            run.state = found.info.status
            self._runs.append(run)
        run.set_tags({key: value for key, value in tags.items() if known.get(key) != value})
        return run

    def follow(self, run_id: str) -> TrackedRun:
        """Return the run `run_id`, the one that is open if there is one, to write more to."""
        found = next((run for run in self._runs if run.run_id == run_id), None)
        if found is None:
            found = TrackedRun(run_id)
            self._runs.append(found)
        return found

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
        with self._flushing:
            for run in self._runs:
                if run.waiting and not self._send(run):
                    return False
            self.problem = None
            return True

    def _send(self, run: TrackedRun) -> bool:
        try:
            if not run.run_id:
                self._create(run)
            while run.waiting:
                while run.files:  # before the tags that say how the trial ended
                    if run.files[0].exists():
                        self._client.log_artifact(run.run_id, str(run.files[0]))
                    del run.files[0]
                self._send_batch(run)
        except Exception as error:  # noqa: BLE001 (whatever the store raises, training goes on)
            if run.run_id and _is_deleted(error):
                run.is_gone = True
                self.deleted.append(run.name or run.run_id)
                return True
            self.problem = mask_secrets(short_message(error))
            return False
        return True

    def _create(self, run: TrackedRun) -> None:
        """Make the run, or find the one that an earlier call made whose answer was lost."""
        with run.lock:
            tags = dict(run.tags)
        if run.parent is not None:
            tags[PARENT] = run.parent.run_id
        if run.may_exist:
            same = {k: tags[k] for k in (*IDENTIFYING, PARENT) if tags.get(k)}
            found = self._search(**same)
            if found:
                run.run_id = found[0].info.run_id
                return
        run.may_exist = True
        created = self._client.create_run(self._experiment_id, run_name=run.name, tags=tags)
        run.run_id = created.info.run_id
        with run.lock:
            run.tags = {key: value for key, value in run.tags.items() if tags.get(key) != value}

    def _send_batch(self, run: TrackedRun) -> None:
        """Send as much as MLflow takes in a call; tags and status come with the last of it."""
        from mlflow.entities import Metric, Param, RunTag

        with run.lock:
            metrics = run.metrics[:METRICS_A_BATCH]
            params = dict(list(run.params.items())[:PARAMS_A_BATCH])
            last = len(metrics) == len(run.metrics)
            tags = dict(run.tags) if last else {}
            ends = run.next_status if last and len(params) == len(run.params) else None
        if metrics or params or tags:
            self._client.log_batch(
                run.run_id,
                metrics=[Metric(*metric) for metric in metrics],
                params=[Param(*param) for param in params.items()],
                tags=[RunTag(*tag) for tag in tags.items()],
            )
        if ends:
            self._set_status(run, ends)
        with run.lock:
            del run.metrics[: len(metrics)]
            run.params = {k: v for k, v in run.params.items() if k not in params}
            run.tags = {k: v for k, v in run.tags.items() if tags.get(k) != v}
            if run.next_status == ends:
                run.next_status = None

    def _set_status(self, run: TrackedRun, status: str) -> None:
        if status == RUNNING:
            self._client.update_run(run.run_id, status=status)
        else:
            self._client.set_terminated(run.run_id, status)
        run.state = status


def check_active(experiment: Any) -> None:
    """Raise `UserError` if `experiment` was deleted in MLflow, which keeps its name."""
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"experiment {experiment.name!r} was deleted in MLflow; give another name (-n NAME), "
            f"or restore it: mlflow experiments restore -x {experiment.experiment_id}"
        )


def _is_deleted(error: Exception) -> bool:
    """Whether a call failed as its run was deleted, for good or into MLflow's bin."""
    code = getattr(error, "error_code", "")
    gone = code == "RESOURCE_DOES_NOT_EXIST"
    return gone or (code == "INVALID_PARAMETER_VALUE" and "'active' state" in str(error))
