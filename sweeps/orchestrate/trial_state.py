"""State of a trial in a sweep: its configuration, directory, status and MLflow run."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import Trial
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.diagnosis import diagnose
from darkmagic.sweeps.compose.plan import NO_CHECKLIST
from darkmagic.sweeps.track.rules import METRICS
from darkmagic.sweeps.track.schema.metrics import result_metrics
from darkmagic.sweeps.track.schema.read import read_record, result_of
from darkmagic.sweeps.track.schema.tags import (
    COMMAND,
    EDITS,
    REASON,
    STATUS,
    STEPPING,
    TRAINING_NOTES,
    trial_tags,
)
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.sweeps.trial.command.node import command_line, is_command, metric_of
from darkmagic.sweeps.trial.paths import decides, is_final, read_events
from darkmagic.trainers.outputs.correct import read_correct
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.event_log import last_of_each_epoch
from darkmagic.trainers.outputs.names import CORRECT
from darkmagic.trainers.outputs.result_file import read_result

__all__ = ["TrialState", "derive_job_config", "flatten"]

LEFT_OUT, OPTIONAL = "does not apply", "runtime.optional_tricks="
"""What a result says of a trick that was left out, and the override that allows it."""


@dataclass
class TrialState:
    """A trial of a sweep as the orchestrator follows it.

    `job` is the composed configuration with Hydra's node, which seeds of a trial share;
    `resolved` are its plain values.
    """

    trial: Trial
    overrides: tuple[str, ...]
    job: DictConfig
    resolved: dict[str, Any]
    identity: str
    directory: Path
    status: Status = Status.PENDING
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    run: TrackedRun | None = None
    offset: int = 0  # bytes of its events that were read
    events: int = 0  # events that were read
    look: int = 1
    training_notes: list[str] = field(default_factory=list)  # diagnoses of its losses
    display_name: str = ""  # its name in the progress
    run_name: str = ""  # the name of its run

    def __post_init__(self) -> None:
        self.display_name = self.display_name or self.trial.recipe_name
        self.run_name = self.run_name or f"{self.trial.recipe_name} seed {self.trial.seed}"
        self.load_result()

    @property
    def metric(self) -> str:
        """The name of the metric that decides."""
        return decides(self.resolved)

    @property
    def decisive(self) -> Metric:
        """The metric that decides."""
        if is_command(self.resolved):
            return metric_of(self.resolved["trainer"])
        return METRICS[self.metric]

    @property
    def stops(self) -> dict[str, Any]:
        """The rule that hopeless trials are stopped by; `futility` is None where there is none."""
        return {"metric": self.metric, "futility": self.resolved.get("futility")}

    @property
    def correct(self) -> Path:
        """The file that says which validation images were right."""
        return self.directory / CORRECT

    @property
    def tags(self) -> dict[str, str]:
        """The tags of its MLflow run."""
        shared = ("hydra.", "runtime.", NO_CHECKLIST)
        edits = str(self.result.get("edits", ""))
        own = [o for o in self.overrides if not o.startswith(shared)]
        if LEFT_OUT in edits:
            own += [o for o in self.overrides if o.startswith(OPTIONAL)]
        return {
            **trial_tags(self.trial, self.identity, look=self.look, overrides=own),
            STATUS: self.status,
            REASON: self.reason[:5000],
            TRAINING_NOTES: json.dumps(self.training_notes),
            STEPPING: str(self.result.get("stepping", "")),
            EDITS: edits,
            **({COMMAND: command_line(self.resolved)} if is_command(self.resolved) else {}),
        }

    def load_result(self) -> None:
        """Read a final result from the trial's directory, if there is one."""
        try:
            result = read_result(self.directory)
        except DamagedFileError:  # `mend_folder` sets it aside
            return
        if result is None:
            return
        stopped = result["status"] == Status.STOPPED and self._still_stops(result)
        if stopped or is_final(result, self.metric):
            self.set_result(result)

    def _still_stops(self, result: Mapping[str, Any]) -> bool:
        """Whether the rule that a trial was stopped by is still asked for: else it trains on."""
        former = {"metric": "accuracy", "futility": self.stops["futility"]}  # before it was kept
        kept = {key: result[key] for key in former if key in result}
        return self.stops["futility"] is not None and {**former, **kept} == self.stops

    def load_run(self, tags: Mapping[str, str], metrics: Mapping[str, float]) -> bool:
        """Read a final result from its MLflow run, if its own folder is not on this machine.

        Returns whether there was one.
        """
        if self.status is not Status.PENDING or self.directory.exists():
            return False
        result = result_of(tags, metrics, self.metric)
        if result is None:
            return False
        self.result, self.status, self.reason = result, Status(result["status"]), result["reason"]
        self.training_notes = list(json.loads(tags.get(TRAINING_NOTES, "[]")))
        return True

    def set_result(self, result: dict[str, Any]) -> None:
        """Take status and reason from `result`."""
        self.result = result
        self.status, self.reason = Status(result["status"]), result["reason"]
        if self.status in (Status.FINISHED, Status.DIVERGED):
            events, _ = read_events(self.directory)
            self.training_notes = diagnose(
                last_of_each_epoch(events), result.get("classes"), result.get("guessing_loss")
            )

    def record(self) -> TrialRecord:
        """Return the record that a comparison reads, as it would from MLflow."""
        run_id = self.run.run_id if self.run else ""
        try:
            bits = read_correct(self.correct, self.result.get("val_images"))
        except DamagedFileError:
            bits = None
        metrics = result_metrics(self.result)
        return read_record(self.tags, metrics, run_id, bits, metric=self.metric)


def derive_job_config(state: TrialState) -> DictConfig:
    """Return the configuration that Hydra runs `state` with, with its seed and directory."""
    derived = copy.deepcopy(state.job)
    overrides = [o for o in state.overrides if not o.startswith("hydra.sweep.")]
    with open_dict(derived):
        derived.seed = state.trial.seed
        derived.hydra.overrides.task = OmegaConf.create(overrides)
        derived.hydra.sweep.dir = str(state.directory.parent)
        derived.hydra.sweep.subdir = state.directory.name
    return derived


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Return a resolved configuration as MLflow's params, by dotted key."""
    if isinstance(node, dict) and node:
        parts = [flatten(child, f"{prefix}{key}.") for key, child in node.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {prefix.rstrip("."): str(node)[:6000]}
