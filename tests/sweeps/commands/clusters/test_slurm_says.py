"""How trials stand by what Slurm says, and what is asked of it: programs answer as it does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.slurm.ask import COMMANDS, cancel_tasks, check_partition, check_slurm
from darkmagic.sweeps.launch.slurm.request import SlurmRequest
from darkmagic.sweeps.launch.slurm.submit import SlurmWorkers
from darkmagic.sweeps.orchestrate.hold import hold_experiment


def _publish(folder: Path, *subdirs: str) -> list[JobFiles]:
    configs = [
        OmegaConf.create({"hydra": {"sweep": {"dir": str(folder), "subdir": subdir}}})
        for subdir in subdirs
    ]
    return Queue(folder).publish(b"shared", ComposedJobs.of(configs), lease_seconds=60)


def _program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


SQUEUE = {
    "7_0|PENDING|Resources|": ("waiting", "pending (Resources)"),
    "7_0|RUNNING|None|n1": ("waiting", "running on n1"),
    "7_0|CANCELLED|None|n1": ("interrupted", "cancelled"),
    "7_0|OUT_OF_MEMORY|None|n1": ("interrupted", "out_of_memory"),
    "8_0|RUNNING|None|n1": ("interrupted", "gone"),
    None: ("waiting", "Slurm does not answer"),
}
"""What Slurm says of task 7_0, and how its trial stands where nobody follows the sweep."""


@pytest.mark.parametrize("said", SQUEUE)
def test_trial_whose_task_has_ended_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    """`watch` ends then; who follows the sweep submits it again, or says why not."""
    (job,) = _publish(tmp_path / "e", "a-s0-1")
    (job.path / "slurm.json").write_text(json.dumps({"task": "7_0", "log": "l"}))
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\n" + ("exit 1\n" if said is None else f"echo '{said}'\n"))
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (found,) = api.standings(tmp_path / "e")
    status, where = SQUEUE[said]
    assert (found.status, found.where) == (status, f"Slurm job 7_0: {where}")
    with hold_experiment(tmp_path / "e"):
        assert api.standings(tmp_path / "e")[0].status == "waiting"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_sweep_of_another_user_stands_as_slurm_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm is asked for the tasks of whoever submitted them: a folder may be shared."""
    for name, user in (("a-s0-1", 12345), ("b-s0-1", 54321)):
        (job,) = _publish(tmp_path / "e", name)
        (job.path / "slurm.json").write_text(json.dumps({"task": f"{user}_0", "log": "l"}))
        os.chown(job.path / "slurm.json", user, user)
    told = "echo '12345_0|RUNNING|None|n1'; echo '54321_0|PENDING|Priority|'"
    _program(tmp_path, "squeue", f'case "$*" in *--user=12345,54321*) {told};; esac')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = {trial.name: trial.where for trial in api.standings(tmp_path / "e")}
    assert found == {
        "a": "Slurm job 12345_0: running on n1",
        "b": "Slurm job 54321_0: pending (Priority)",
    }


REFUSALS = {
    "scancel: error: Kill job error on job id 7: Access/permission denied": (
        "scancel: error: Kill job error on job id 7: Access/permission denied"
    ),
    "scancel: error: Kill job error on job id 7_0: Invalid job id specified": "",
    "scancel: error: Invalid job id 7_0\nscancel: error: slurm_kill_job2() failed: denied": (
        "scancel: error: slurm_kill_job2() failed: denied"
    ),
}
"""What scancel says of two tasks, and what is shown of it: a task that is gone is no error."""


@pytest.mark.parametrize("said", REFUSALS)
def test_what_scancel_refuses_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Also where another of the tasks has ended long ago."""
    _program(tmp_path, "scancel", f"echo '{said}' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    if not REFUSALS[said]:
        cancel_tasks(["7_0", "8_0"])
        return
    with pytest.raises(UserError) as error:
        cancel_tasks(["7_0", "8_0"])
    assert str(error.value) == REFUSALS[said]


SINFO = "printf 'cpu*|1:00:00\\ngpu|2-12:00:00\\ngpu|2-12:00:00\\nshort|10:30\\nlong|infinite\\n'"


@pytest.mark.parametrize(
    ("partition", "minutes", "qos", "said"),
    [
        (None, 60, None, ""),
        (None, 61, None, "timeout_min=61: partition cpu ends jobs after 60 min"),
        (None, 61, "lifts", ""),
        ("gpu", 3600, None, ""),
        ("gpu", 3601, None, "partition gpu ends jobs after 3600 min"),
        ("cpu,gpu", 3600, None, ""),
        ("long", 10**6, None, ""),
        ("short", 11, None, "ends jobs after 10 min"),
        ("gpus", 1, None, "partition=gpus: Slurm has no partition 'gpus'; did you mean gpu"),
        ("gpu,xyz", 1, None, "'xyz'; choose from: cpu, gpu, long, short"),
    ],
)
def test_partition_is_looked_at_before_anything_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    partition: str | None,
    minutes: int,
    qos: str | None,
    said: str,
) -> None:
    """One that is not there, or in which such a job would wait for ever, is refused with why."""
    _program(tmp_path, "sinfo", SINFO)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(UserError, match=said) if said else contextlib.nullcontext():
        check_partition(partition, minutes, qos=qos)


@pytest.mark.parametrize("sinfo", ["exit 1", "true", "echo"])
def test_slurm_that_does_not_name_partitions_is_left_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sinfo: str
) -> None:
    """Nothing is known of them then, and so nothing is wrong."""
    _program(tmp_path, "sinfo", sinfo)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    check_partition("gpu", 10**6)
    check_partition(None, 10**6)


def test_machine_without_slurm_or_its_package_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said where to run the command, and then what to install: also before `--detach`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no sbatch on this machine; run it where you can run"):
        check_slurm()
    for name in COMMANDS:
        _program(tmp_path, name, "true")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"needs submitit: pip install 'darkmagic-checklist\[slurm"):
        check_slurm()


class _Submitting(SlurmWorkers):
    """Keeps what it would submit."""

    def _submit(self, groups: Sequence[Sequence[JobFiles]], of: int) -> list[str]:
        self.submitted = [job.name for group in groups for job in group]
        return []


@pytest.mark.parametrize(
    ("squeue", "submitted"),
    [
        ("exit 1", ["b-s0-1"]),
        ("echo '7_0|RUNNING|None|n1'", ["b-s0-1"]),
        ("echo '7_0|TIMEOUT|None|n1'", ["a-s0-1", "b-s0-1"]),
        ("true", ["a-s0-1", "b-s0-1"]),
    ],
    ids=["silent", "live", "ended", "gone"],
)
def test_picked_up_sweep_submits_what_no_task_is_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squeue: str, submitted: list[str]
) -> None:
    """While Slurm does not answer, a task that was submitted is not submitted once more."""
    jobs = _publish(tmp_path / "e", "a-s0-1", "b-s0-1")
    (jobs[0].path / "slurm.json").write_text(json.dumps({"task": "7_0", "log": "l"}))
    _program(tmp_path, "squeue", squeue)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("darkmagic.sweeps.launch.slurm.submit.ASK_SECONDS", 0.01)
    workers = _Submitting(Queue(tmp_path / "e"), SlurmRequest())
    workers.begin(jobs)
    assert workers.submitted == [f"{name}" for name in submitted]


def test_who_leaves_a_watch_is_told_how_to_go_on(tmp_path: Path) -> None:
    """The command has the folder and the pause that it was given."""
    _publish(tmp_path / "my runs" / "e", "a-s0-1")
    words = ["checklist", "watch", "-o", "my runs", "--every", "60"]
    watch = subprocess.Popen(
        [sys.executable, "-m", "darkmagic.cli", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    assert "1 waiting" in watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    _, told = watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert "checklist watch -n e -o 'my runs' --every 60" in told
