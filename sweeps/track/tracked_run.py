"""A run in MLflow as the orchestrator writes it: what it is, and what waits to be sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkmagic.checklist.records import Status
from darkmagic.checklist.secrets import mask_nested
from darkmagic.sweeps.track.schema.tags import EPOCHS_SENT

__all__ = ["MLFLOW_STATUS", "RUNNING", "TrackedRun"]

MLFLOW_STATUS = {
    Status.FINISHED: "FINISHED",
    Status.INERT: "FINISHED",
    Status.NOT_APPLICABLE: "FINISHED",
    Status.SKIPPED: "FINISHED",
    Status.PRUNED: "FINISHED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.STOPPED: "KILLED",
    Status.PENDING: "KILLED",
    Status.RUNNING: "KILLED",
}
"""What MLflow calls how a trial ended."""
RUNNING = "RUNNING"
"""MLflow's status of a run that has not ended, which every new one has."""


@dataclass
class TrackedRun:
    """A run in MLflow, and what waits to be sent to it.

    One thread adds to it while another sends.
    """

    run_id: str  # empty until it is made
    name: str = ""
    parent: TrackedRun | None = None
    events_sent: int = 0  # lines of the log, as earlier versions counted them
    epochs_sent: dict[str, int] = field(default_factory=dict)  # the last one, by type of event
    status: str = ""
    known: dict[str, str] = field(default_factory=dict)  # the tags that it had when opened
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)  # to be its artifacts
    state: str = RUNNING  # MLflow's status of it
    next_status: str | None = None  # the next, once what waits is sent
    is_gone: bool = False  # deleted in MLflow, so that nothing more can be sent
    may_exist: bool = False  # it was asked for, without an answer
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_metrics(self, metrics: Mapping[str, float], *, when: float, step: int) -> None:
        """Queue `metrics` of `step`, measured at the unix time `when`."""
        stamp = int(when * 1000)
        with self.lock:
            self.metrics += [(name, value, stamp, step) for name, value in metrics.items()]

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Queue `tags`."""
        with self.lock:
            self.tags.update(mask_nested(tags))

    def add_epoch(self, kind: str, epoch: int, metrics: Mapping[str, float], when: float) -> None:
        """Queue the metrics of an epoch, unless it or a later one was sent before."""
        if epoch <= self.epochs_sent.get(kind, 0):
            return
        self.epochs_sent[kind] = epoch
        self.add_metrics(metrics, when=when, step=epoch)
        self.set_tags({EPOCHS_SENT: json.dumps(self.epochs_sent)})

    @property
    def waiting(self) -> bool:
        """Whether anything is to be sent."""
        queues = (self.tags, self.metrics, self.params, self.files, self.next_status)
        return not self.is_gone and (not self.run_id or any(queues))

    def mark_running(self) -> None:
        """Set its status to running if it had ended before."""
        self.next_status = None if self.state == RUNNING else RUNNING
