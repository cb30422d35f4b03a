"""Sweeps as they are at this moment, from MLflow: what a page that follows them asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import ENDED, Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.live import Live, Running
from darkmagic.sweeps.mlflow_pages import all_experiments
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.track.database import sqlite_path
from darkmagic.sweeps.track.schema.tags import EPOCHS_SENT, KIND, PARENT, STATUS
from darkmagic.sweeps.track.snapshot import newest_sweep
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.track.tracked_run import RUNNING

__all__ = ["Experiment", "LiveStore"]


@dataclass(frozen=True)
class Experiment:
    """An experiment with sweeps; `began` is when its newest was first started."""

    name: str
    began: str
    live: Live


class LiveStore:
    """The store at `uri`, which several threads may ask. Reports are kept until a result is new.

    A file of SQLite's that is not there yet has no experiment, and is opened once a sweep has made
    it. Raises `UserError` for a store that does not answer.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._reports: dict[str, tuple[str, Report]] = {}
        self._ended: dict[tuple[str, int | None], Live] = {}
        self._opened: Any = None
        if self._client() is None:  # so that the first sweep need not wait for the import
            threading.Thread(target=import_module, args=["mlflow"], daemon=True).start()

    @property
    def missing(self) -> Path | None:
        """The store's file while it is not there; else None."""
        path = sqlite_path(self._uri) if self._uri.startswith("sqlite:") else None
        return path if path is not None and not path.exists() else None

    def experiments(self) -> list[Experiment]:
        """Return the experiments that have a sweep, the newest first."""
        found = []
        with self._lock:
            client = self._client()
            if client is None:
                return []
            known = all_experiments(client)
            ids = [each.experiment_id for each in known]
            sweeps = search_runs(client, ids, {KIND: "sweep"})
            newest_of = {run.info.experiment_id: run for run in sorted(sweeps, key=_began)}
            for each in known:
                newest = newest_of.get(each.experiment_id)
                if newest is None:
                    continue
                began = datetime.fromtimestamp(newest.info.start_time / 1000, UTC)
                text = f"{began:%Y-%m-%d %H:%M} UTC"
                found.append((began, Experiment(each.name, text, self._listed(newest))))
        return [experiment for _, experiment in sorted(found, key=lambda f: f[0], reverse=True)]

    def live(self, experiment: str) -> Live:
        """Return how far its newest sweep is. Raises `UserError` where it has none."""
        with self._lock:
            return self._state(self._newest(experiment))

    def report(self, experiment: str) -> tuple[Report, Live]:
        """Return its report and how far it is, of one moment."""
        with self._lock:
            live = self._state(self._newest(experiment))
            kept = self._reports.get(experiment)
            if kept is None or kept[0] != live.stamp:
                kept = (live.stamp, load_report(self._uri, experiment, curves=True))
                self._reports[experiment] = kept
            return kept[1], live

    def _client(self) -> Any:
        if self._opened is None and self.missing is None:
            self._opened = open_client(self._uri)
        return self._opened

    def _newest(self, experiment: str) -> Any:
        client = self._client()
        if client is None:
            raise UserError(
                f"no sweep at {self.missing} yet; start one with: darkmagic checklist run"
            )
        return newest_sweep(client, self._uri, experiment)

    def _listed(self, sweep: Any) -> Live:
        """Return how far it is, which is looked up once of a sweep that has ended.

        A list is renewed every few seconds, and thousands of runs take longer to look up.
        """
        key = (sweep.info.run_id, sweep.info.end_time)
        over = sweep.info.status != RUNNING  # one that goes on again keeps the end of before
        known = self._ended.get(key) if over else None
        if known is None:
            known = self._state(sweep)
            if over and known.ended:
                self._ended[key] = known
        return known

    def _state(self, sweep: Any) -> Live:
        tags = {KIND: "trial", PARENT: sweep.info.run_id}
        runs = search_runs(self._client(), sweep.info.experiment_id, tags)
        statuses = {run.info.run_id: _status(run.data.tags) for run in runs}
        known = sorted((run_id, status) for run_id, status in statuses.items() if status in ENDED)
        running = [run for run in runs if statuses[run.info.run_id] is Status.RUNNING]
        return Live(
            done=len(known),
            total=len(runs),
            running=tuple(
                Running(
                    run.info.run_name or run.info.run_id,
                    _epoch(run.data.tags),
                    _number(run.data.params.get("epochs")),
                )
                for run in sorted(running, key=lambda run: run.info.run_name or "")
            ),
            stamp=hashlib.sha256(json.dumps([sweep.info.run_id, known]).encode()).hexdigest()[:16],
        )


def _status(tags: Mapping[str, str]) -> Status:
    try:
        return Status(tags.get(STATUS, Status.PENDING))
    except ValueError as error:
        raise UserError(f"a run has the status {tags[STATUS]!r}, which is none of ours") from error


def _epoch(tags: Mapping[str, str]) -> int:
    sent = json.loads(tags.get(EPOCHS_SENT, "{}"))
    return int(sent.get("epoch", 0)) if isinstance(sent, dict) else 0


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def _began(run: Any) -> int:
    return int(run.info.start_time)
