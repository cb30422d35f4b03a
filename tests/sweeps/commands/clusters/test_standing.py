"""How a sweep stands, by its files: what waits, what runs, what has ended or was left."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from commanding import run_command
from darkmagic.checklist.errors import UserError
from darkmagic.cli.views.standing import standing_table
from darkmagic.sweeps import api
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.claims import claim_job
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.orchestrate.hold import hold_experiment
from darkmagic.sweeps.trial.paths import read_events
from sweeping import TINY, Recorder

ONE = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"


@pytest.fixture
def detached(tmp_path: Path) -> Path:
    """Return the folder of a sweep of two trials that was left to workers; there are none."""
    words = [word for word in TINY if not word.startswith("hydra.launcher.")]
    words += [f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'", ONE, "epochs=2"]
    words += ["hydra/launcher=worker", "runtime.experiment=e"]
    progress = Recorder()
    with pytest.raises(api.LeftRunning):
        api.sweep(api.plan(words, (), will_train=True), progress, detach=True)
    assert progress.is_closed
    return tmp_path / "e"


@pytest.mark.weekly
def test_trials_wait_run_and_are_cancelled(detached: Path) -> None:
    """A detached trial waits for a worker, runs when one has it, and is nobody's when cancelled."""
    folder = api.find_sweep(detached.parent, None)
    assert folder == detached
    found = {trial.name: trial for trial in api.standings(folder)}
    assert {(name, t.status, t.where) for name, t in found.items()} == {
        ("baseline", "waiting", "a worker"),
        ("mixup=on", "waiting", "a worker"),
    }
    first = next(Queue(folder).open_jobs())
    claim = claim_job(first, Holder.this_process(), 60)
    assert claim is not None
    status = {trial.name: trial.status for trial in api.standings(folder)}
    assert status == {"baseline": "running", "mixup=on": "waiting"}
    claim.give_back()

    done = run_command("checklist", "cancel", "-o", str(detached.parent), folder=detached)
    assert done.returncode == 0, done.stderr
    assert "e: 2 trials will not be trained on" in done.stdout
    assert not (folder / ".jobs").exists()
    with pytest.raises(UserError, match="nothing of 'e' waits or runs elsewhere"):
        api.cancel_sweep(folder)


@pytest.mark.weekly
def test_each_round_of_a_budget_is_left_to_workers(tmp_path: Path) -> None:
    """The first command leaves a baseline and each row, and says that there are more rounds."""
    words = ["dataset=digits", ONE, "budget=30", "epochs=1", "hydra/launcher=worker", "-n", "e"]
    command = ("checklist", "run", *words, "--skip-preflight", "--detach")
    done = run_command(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "A budget is spent by rounds." in done.stdout
    first = api.standings(tmp_path / "runs" / "e")
    assert {trial.name for trial in first} == {"baseline", "mixup=on"}
    assert 2 < len(first) < 30

    worker = ("worker", "--out", "runs/e", "--devices", "cpu", "--idle", "1")
    assert run_command(*worker, folder=tmp_path).returncode == 0
    done = run_command(*command, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(api.standings(tmp_path / "runs" / "e")) > len(first)


def _publish(folder: Path, *subdirs: str) -> list[JobFiles]:
    configs = [
        OmegaConf.create({"hydra": {"sweep": {"dir": str(folder), "subdir": subdir}}})
        for subdir in subdirs
    ]
    return Queue(folder).publish(b"shared", ComposedJobs.of(configs), lease_seconds=60)


def test_cancelled_jobs_are_left_to_who_follows_them(tmp_path: Path) -> None:
    """The end of a trial stays to be read where the sweep is held; else nothing stays."""
    ended, waiting = _publish(tmp_path, "a-s0-1", "b-s0-1")
    ended.end(Outcome(None, 0, 1, "here"))
    with hold_experiment(tmp_path):
        assert api.cancel_sweep(tmp_path) == 1
        assert ended.outcome() == Outcome(None, 0, 1, "here")
        assert not waiting.is_open
        with pytest.raises(UserError, match=rf"process {os.getpid()} on .* Ctrl-C there ends it"):
            api.cancel_sweep(tmp_path)
    _publish(tmp_path, "b-s0-1")
    assert api.cancel_sweep(tmp_path) == 1
    assert not (tmp_path / ".jobs").exists()


@pytest.mark.parametrize("ahead", [-7200.0, 0.0, 7200.0])
def test_signs_of_life_go_by_the_clock_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """A trial that trains now does so whatever this machine's clock says."""
    _left(tmp_path, "baseline-s0-0123abcd", EPOCH)
    now = time.time()
    with hold_experiment(tmp_path):
        monkeypatch.setattr(time, "time", lambda: now + ahead)
        (trial,) = api.standings(tmp_path)
    assert trial.status == "running"
    assert trial.seconds is not None
    assert trial.seconds < 60


def _left(folder: Path, name: str, *events: dict[str, object], result: str | None = None) -> None:
    trial = folder / name
    trial.mkdir(parents=True)
    (trial / "config.yaml").write_text("seed: 0\n")
    (trial / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    if result is not None:
        (trial / "result.json").write_text(result)


EPOCH = {
    "type": "epoch",
    "epoch": 3,
    "epochs": 9,
    "time": 0.0,
    "images_per_second": 1.0,
    "train_loss": 1.0,
    "val_loss": 1.0,
    "val_accuracy": 0.5,
}


def test_folders_alone_say_what_ended_and_what_was_interrupted(tmp_path: Path) -> None:
    """Without a queue a trial has a result, or was interrupted after the epochs of its log."""
    folder = tmp_path / "old"
    _left(folder, "baseline-s0-0123abcd", EPOCH, result='{"status": "skipped", "reason": ""}')
    _left(folder, "lr=0.1-s12-0123abcd", EPOCH, result='{"status": "failed", "reason": "why"}')
    _left(folder, "mixup=on-s0-0123abcd", EPOCH)
    _left(folder, "odd-s0-0123abcd", EPOCH, result="{")
    assert read_events(folder / "mixup=on-s0-0123abcd")[0] == [EPOCH]
    found = {trial.name: trial for trial in api.standings(folder)}
    shown = {n: (t.seed, t.status, t.epoch, t.epochs, t.is_open) for n, t in found.items()}
    assert shown == {
        "baseline": ("0", "skipped", 3, 9, False),
        "lr=0.1": ("12", "failed", 3, 9, False),
        "mixup=on": ("0", "interrupted", 3, 9, False),
        "odd": ("0", "interrupted", 3, 9, False),
    }
    assert found["lr=0.1"].reason == "why"
    assert "result.json" in found["odd"].reason


@pytest.mark.parametrize("width", [80, 160])
def test_table_reads_well_at_any_width(width: int) -> None:
    """Names and statuses stay whole, and a long reason is folded, not cut."""
    reason = (
        "its Slurm job 1234_15 is cancelled; its log: /shared/lab/runs/e/.slurm/1234_15_0_log.out"
    )
    trials = [
        api.TrialStanding("scheduled_weight_decay=linear", "0", "running", 3, 90, "node7"),
        api.TrialStanding("stem_activation=leaky_relu", "11", "failed", reason=reason),
    ]
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(standing_table("e", trials))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    for word in ("scheduled_weight_decay=linear", "3/90", "running", "node7", "failed"):
        assert word in text
    assert text.rstrip().endswith("e: 1 running, 1 failed")


def test_sweep_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """A folder without sweeps, and a name that is near one, are errors that say what there is."""
    for out in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="no sweeps in"):
            api.find_sweep(out, None)
    _left(tmp_path / "runs" / "mine", "baseline-s0-0123abcd", EPOCH)
    with pytest.raises(UserError, match="did you mean mine"):
        api.find_sweep(tmp_path / "runs", "mien")


def test_detach_needs_a_launcher_that_stays(tmp_path: Path) -> None:
    """With the local launcher nobody would train on: it is refused, and nothing is made."""
    planned = api.plan([*TINY, f"runtime.out='{tmp_path}/runs'"], ())
    with pytest.raises(UserError, match="hydra/launcher=slurm or hydra/launcher=worker"):
        api.sweep(planned, Recorder(), detach=True)
    assert not (tmp_path / "runs").exists()
