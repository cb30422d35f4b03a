"""Workers of a folder: each job is run once, whoever dies, and the numbers are those of `local`."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobStatus
from omegaconf import OmegaConf

from commanding import command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.commands.clusters.worker import run_worker
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.jobs.claims import claim_job, last_claim
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.jobs.serve import IgnoreWork, Work, run_files, serve
from darkmagic.sweeps.launch.local.stall import StallWatch
from machines import APP, FOUR, TWO, read_trials, start_worker, until
from sweeping import run


@pytest.mark.weekly
def test_jobs_of_a_foreign_application_survive_the_death_of_a_worker(tmp_path: Path) -> None:
    """Of three workers one is killed in mid-job: every job ends, and is begun again by one alone.

    The application is any that Hydra runs, and neither it nor a worker imports torch.
    """
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=worker", "hydra.launcher.lease_seconds=20", "+x=range(6)"]
    words += [f"hydra.sweep.dir={tmp_path}/multirun/a"]
    app = subprocess.Popen(
        [sys.executable, "app.py", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        until((tmp_path / "multirun" / "a" / ".jobs" / "order.json").exists)
        first = start_worker(tmp_path / "multirun", "--trials-per-device", "1")
        until(lambda: list((tmp_path / "multirun" / "a").glob("*/began.*")))
        first.kill()
        first.communicate()
        others = [
            start_worker(tmp_path / "multirun", "--trials-per-device", "1", "--idle", "8")
            for _ in range(2)
        ]
        output, _ = app.communicate(timeout=120)
        for worker in others:
            worker.communicate(timeout=120)
    finally:
        app.kill()
    assert app.returncode == 0, output
    folders = [tmp_path / "multirun" / "a" / str(i) for i in range(6)]
    assert [(folder / "answer").read_text() for folder in folders] == [str(i * i) for i in range(6)]
    began = [len(list(folder.glob("began.*"))) for folder in folders]
    assert sorted(began) == [1, 1, 1, 1, 1, 2]
    assert "torch: False" in (folders[5] / "modules").read_text()
    assert not (tmp_path / "multirun" / "a" / ".jobs").exists()


def _serve_in_thread(folder: Path, stop: threading.Event) -> threading.Thread:
    """Be a worker of this process, whose fork server is there already."""

    def work() -> None:
        queue = Queue(folder)
        serve(
            lambda: ((job, queue.lease_seconds) for job in queue.open_jobs()),
            make_leases("cpu", 2, 1),
            log=IgnoreWork(),
            go_on=lambda _: not stop.is_set(),
        )

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_numbers_of_a_worker_are_those_of_the_local_launcher(tmp_path: Path) -> None:
    """The same checklist gives the same trials and, bit for bit, the same epochs and results."""
    words = ["epochs=2", TWO, "runtime.experiment=e"]
    folders = [tmp_path / name for name in ("local", "worker")]
    for folder in folders:
        folder.mkdir()
    run(folders[0], [*words, "hydra.launcher.threads=1"])
    stop = threading.Event()
    worker = _serve_in_thread(folders[1] / "e", stop)
    try:
        swept = run(folders[1], [*words, "hydra/launcher=worker"], launcher=False)
    finally:
        stop.set()
        worker.join()
    ours, theirs = (read_trials(folder / "e") for folder in folders)
    assert len(ours) == 2
    for name, trial in ours.items():
        assert trial == theirs[name]
    assert [str(record.status) for record in swept.outcome.records] == ["finished"] * 2
    assert any("darkmagic worker --out" in note for note in swept.progress.notes)
    assert not (folders[1] / "e" / ".jobs").exists()


@pytest.mark.weekly
def test_worker_finds_what_was_named_from_the_folder_of_the_command(tmp_path: Path) -> None:
    """A script's relative path, though the worker was started elsewhere."""
    (tmp_path / "train.py").write_text("print('METRIC acc=0.5')")
    (tmp_path / "runs").mkdir()
    words = ["compare", "--metric", "acc", "--seeds", "1", "--change", "more=-v"]
    words += ["--set", "hydra/launcher=worker"]
    sweep = subprocess.Popen(
        command(*words, "--", sys.executable, "train.py"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    worker = start_worker(tmp_path / "runs", "--trials-per-device", "2")
    try:
        printed, _ = sweep.communicate(timeout=120)
    finally:
        sweep.kill()
        worker.terminate()
        worker.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    results = [json.loads(path.read_text()) for path in tmp_path.rglob("result.json")]
    assert len(results) >= 2
    assert {result["status"] for result in results} == {"finished"}


def _holders(folder: Path, pids: set[int]) -> dict[int, str]:
    """Return by worker a trial that it has, and that has trained an epoch."""
    found = {}
    for path in folder.glob(".jobs/*/claim.*"):
        text = path.read_text()
        pid = next((pid for pid in pids if f'"pid": {pid},' in text), None)
        events = folder / path.parent.name / "events.jsonl"
        done = (path.parent / "ended.json").exists()
        if pid is not None and not done and events.exists() and '"epoch"' in events.read_text():
            found[pid] = path.parent.name
    return found


@pytest.mark.weekly
@pytest.mark.timeout(1200)
def test_sixteen_trials_on_four_workers_of_which_one_is_killed(tmp_path: Path) -> None:
    """Nothing is lost and nothing trained twice but what the dead worker had, which is resumed."""
    words = ["epochs=30", FOUR, "seeds=4", "baseline_repeats=4", "runtime.experiment=e"]
    words += ["runtime.checkpoint_seconds=0.01"]
    folders = [tmp_path / name for name in ("local", "worker")]
    for folder in folders:
        folder.mkdir()
    run(folders[0], [*words, "hydra.launcher.threads=1"])
    options = ("--trials-per-device", "1", "--threads", "1")
    workers = [start_worker(folders[1], *options) for _ in range(4)]
    killed: list[str] = []

    def kill_one() -> None:
        pids = {worker.pid for worker in workers}
        pid, name = next(iter(until(lambda: _holders(folders[1] / "e", pids), 600).items()))
        os.kill(pid, signal.SIGKILL)
        killed.append(name)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        swept = run(folders[1], [*words, "hydra/launcher=worker"], launcher=False)
    finally:
        killer.join()
        for worker in workers:
            worker.terminate()
        said = [worker.communicate(timeout=60)[0] for worker in workers]
    ours, theirs = (read_trials(folder / "e") for folder in folders)
    assert len(ours) == 16
    assert {name: trial.pop("starts") for name, trial in theirs.items()} == {
        name: 2 if name in killed else 1 for name in ours
    }
    assert {name: {**trial, "starts": 0} for name, trial in theirs.items()} == {
        name: {**trial, "starts": 0} for name, trial in ours.items()
    }, said
    assert {str(record.status) for record in swept.outcome.records} == {"finished"}
    (reason,) = {record.reason for record in swept.outcome.records} - {""}
    assert "the worker that had it died" in reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no folder .*nowhere on this machine: --out is the folder of all experiments"),
        ({"gpus_per_trial": 2, "trials_per_device": 2}, "leave one of them out"),
        ({"gpus_per_trial": 0}, "need a whole number, 1 or more"),
        ({"devices": "foo"}, "--devices foo: choose auto, cpu, or indices of GPUs such as 0,1"),
        ({"devices": ""}, "--devices : choose auto"),
        ({"devices": "0,,1"}, "choose auto"),
        ({"devices": "99"}, "names 99, but the GPUs here are"),
    ],
)
def test_bad_options_are_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """A folder that is not there, and numbers that cannot be, are refused before any trial."""
    folder = tmp_path if options else tmp_path / "nowhere"
    with pytest.raises(UserError, match=message):
        run_worker(folder, IgnoreWork(), idle_seconds=0, **options)


class _Lines:
    """A `WorkLog` that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)

    def began(self, job: JobFiles) -> None:
        self.said.append(f"began {job.name}")

    def ended(self, job: JobFiles, what: str) -> None:
        self.said.append(f"ended {job.name}: {what}")


def _publish(folder: Path, *subdirs: str) -> list[JobFiles]:
    configs = [
        OmegaConf.create({"hydra": {"sweep": {"dir": str(folder), "subdir": subdir}}})
        for subdir in subdirs
    ]
    return Queue(folder).publish(b"shared", ComposedJobs.of(configs), lease_seconds=60, torch=False)


def test_sweep_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """Its trials would be another version's among its own: one line says so, once."""
    (job,) = _publish(tmp_path / "e", "a")
    order = tmp_path / "e" / ".jobs" / "order.json"
    order.write_text(json.dumps({**json.loads(order.read_text()), "version": "0.0.1"}))
    lines = _Lines()
    assert run_worker(tmp_path, lines, devices="cpu", idle_seconds=1) == 0
    assert job.is_open
    assert job.outcome() is None
    assert [line for line in lines.said if "0.0.1" in line] == lines.said[1:]
    assert "pip install 'darkmagic-checklist==0.0.1'" in lines.said[1]


def test_job_whose_file_is_damaged_ends_no_worker(tmp_path: Path) -> None:
    """It has ended, with what is wrong with its file; what is behind it is looked at too."""
    damaged, unlike, withdrawn = _publish(tmp_path / "e", "a", "b", "c")
    (damaged.path / "job.pkl").write_bytes(b"no pickle")
    (unlike.path / "job.pkl").write_bytes(pickle.dumps({"of": "another version"}))
    withdrawn.withdraw()
    lines = _Lines()
    assert run_worker(tmp_path, lines, devices="cpu", idle_seconds=0.5) == 0
    for job, why in ((damaged, "UnpicklingError"), (unlike, "KeyError: 'directory'")):
        outcome = job.outcome()
        assert outcome is not None
        assert outcome.error is not None
        assert f"{job.path} cannot be read: {why}" in outcome.error
        assert outcome.error in lines.said
    assert withdrawn.outcome() is None


def test_job_that_is_withdrawn_while_it_is_claimed_is_given_back(tmp_path: Path) -> None:
    """As `cancel` may come between the two: the worker has the next job to look at."""
    (job,) = _publish(tmp_path, "a")
    work = Work(Holder.this_process(), IgnoreWork(), StallWatch([], None))
    claim = claim_job(job, work.holder, 60)
    assert claim is not None
    job.withdraw()
    assert work.add(claim) is None
    assert not work.running
    assert last_claim(job, 60) is None


def test_job_that_is_removed_while_it_is_begun_leaves_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As by `cancel`: there is nobody to tell how it ended, and nothing is wrong."""
    (job,) = _publish(tmp_path, "a")
    job.remove()
    returned = run_files(job, 1)
    assert returned.status is JobStatus.FAILED
    assert not job.path.exists()
    assert capfd.readouterr() == ("", "")
