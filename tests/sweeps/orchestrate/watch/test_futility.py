"""A hopeless trial is stopped in a real sweep, and its row says so from the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.model import Trial
from darkmagic.checklist.records import STOPPED, Status
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.orchestrate.watch.ended import judge_job
from darkmagic.sweeps.orchestrate.watch.futility import FutilityWatch
from darkmagic.trainers.outputs.event_log import EventLog
from sweeping import run

TRICK = '''
import dataclasses, time
from darkmagic.trainers.trick import Trick

@dataclasses.dataclass(frozen=True)
class Blind(Trick):
    """Hide all images, slowly, so that a watch sees its epochs."""

    def transform_batch(self, images, targets, rng):
        time.sleep(0.12)
        return images * 0, targets
'''


METRICS = {"accuracy": (20, "points below"), "loss": (0.5, "nats above")}


def _state(folder: Path, trick: str | None, metric: str, futility: float | None) -> TrialState:
    trial = Trial(trick, trick and "on", "s", 0, {})
    resolved = {"metric": metric, "futility": futility}
    return TrialState(
        trial, (), OmegaConf.create(), resolved, "0" * 16, folder / (trick or "baseline")
    )


def _log(state: TrialState, losses: Sequence[float], accuracies: Sequence[float]) -> None:
    state.directory.mkdir(parents=True, exist_ok=True)
    log = EventLog(state.directory)
    for epoch, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), start=1):
        numbers = {"epoch": epoch, "epochs": 9, "lr": 0.1, "weight_decay": 0.0, "seconds": 1.0}
        values = {"train_loss": 1.0, "val_loss": loss, "val_accuracy": accuracy, "steps": 1}
        more = {"images_per_second": 1.0, "peak_memory": 0, "time": 0.0, "type": "epoch"}
        log.append({**more, **numbers, **values})


@pytest.mark.parametrize("metric", METRICS)
def test_watch_stops_what_is_far_behind_in_the_metric_that_decides(
    tmp_path: Path, metric: str
) -> None:
    """One trial's loss explodes at a good accuracy, another's accuracy is poor at a good loss."""
    margin, words = METRICS[metric]
    states = [_state(tmp_path, name, metric, margin) for name in (None, "loss", "accuracy")]
    _log(states[0], [1.0] * 6, [0.9] * 6)
    _log(states[1], [9.0] * 6, [0.9] * 6)
    _log(states[2], [1.0] * 6, [0.1] * 6)
    watch = FutilityWatch(states, margin)
    reasons = {state.trial.trick: watch.hopeless(state.directory) for state in states}
    assert [name for name, reason in reasons.items() if reason] == [metric]
    assert words in str(reasons[metric])


@pytest.mark.parametrize(
    ("metric", "futility", "stays"),
    [("loss", 0.5, True), ("loss", 0.7, False), ("accuracy", 0.5, False), ("loss", None, False)],
)
def test_stopped_trial_trains_on_under_another_rule(
    tmp_path: Path, metric: str, futility: float | None, stays: bool
) -> None:
    """Its result keeps the rule: by another margin or metric it may not be hopeless."""
    stopped = _state(tmp_path, "mixup", "loss", 0.5)
    job = JobReturn()
    job.status, job.return_value = JobStatus.FAILED, RuntimeError(f"{STOPPED}far above")
    result = judge_job(stopped.directory, job, 1, stopped.stops)
    assert result["reason"].endswith("far above")
    again = _state(tmp_path, "mixup", metric, futility)
    assert (again.status is Status.STOPPED) == stays


@pytest.mark.weekly
@pytest.mark.parametrize("metric", METRICS)
def test_trial_far_below_the_baseline_is_stopped_and_its_row_is_honest(
    tmp_path: Path, metric: str
) -> None:
    """It ends before its last epoch, is no failure, and is not trained again by the same rule."""
    margin, side = METRICS[metric]
    (tmp_path / "blind_trick.py").write_text(TRICK)
    folder = tmp_path / "conf" / "trick" / "blind"
    folder.mkdir(parents=True)
    (folder / "on.yaml").write_text("# @package tricks.blind\n_target_: blind_trick.Blind\n")
    words = [
        "checklist.tricks=[{name: blind, section: s, options: ['off', 'on']}]",
        "dataset=digits",
        "epochs=9",
        "runtime.experiment=mine",
        f"metric={metric}",
        f"futility={margin}",
        "floor=0",
    ]
    swept = run(tmp_path, words, [tmp_path / "conf"])
    stopped = {r.name: r for r in swept.outcome.records}["blind=on"]
    assert stopped.status is Status.STOPPED
    assert f"{side} every run of the baseline there" in stopped.reason
    (path,) = (tmp_path / "mine").glob("blind=on-*/result.json")
    assert json.loads(path.read_text())["status"] == "stopped"
    events = (path.parent / "events.jsonl").read_text()
    assert '"epoch": 5' in events
    assert '"epoch": 9' not in events
    report = load_report(swept.uri, "mine")
    row = report.rows[1]
    assert row.verdict is Verdict.STOPPED
    assert row.verdict_text == "1 of 1 stopped"
    assert any("futility=" in note for note in report.notes)
    again = run(tmp_path, words, [tmp_path / "conf"])
    assert again.progress.trials == []
