"""`hydra/launcher=slurm` on a real Slurm of two nodes: what is cancelled, preempted or lost."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darkmagic.sweeps import api
from machines import APP, FOUR, read_trials, until
from slurm_cluster import SlurmCluster, missing_tools, slurm_cluster

pytestmark = [
    pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {missing_tools()}"),
    pytest.mark.timeout(1500),
]
BRIEF = ("hydra.launcher.cpus_per_trial=1", "hydra.launcher.timeout_min=30")
SWEEP = (
    *("dataset=tiny", "model.build.width=16", "runtime.device=cpu", FOUR),
    *("runtime.checkpoint_seconds=0.01", "--skip-preflight", "-n", "e"),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[SlurmCluster]:
    """Return a cluster that the tests of this file share."""
    with slurm_cluster() as running:
        yield running


def _start(
    cluster: SlurmCluster, folder: Path, *words: str, program: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    command = program or ("-m", "darkmagic.cli")
    return subprocess.Popen(
        [sys.executable, *command, *words],
        cwd=folder,
        env={**cluster.env, "DARKMAGIC_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(cluster: SlurmCluster, folder: Path, *words: str, code: int = 0) -> str:
    process = _start(cluster, folder, *words)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == code, output
    return output


def test_jobs_of_a_foreign_application_run_on_both_nodes(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """Three tasks run six jobs, once, without torch, in two arrays, as Slurm takes no larger."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=slurm", "+x=range(6)", *BRIEF, f"hydra.sweep.dir={tmp_path}/m"]
    words += ["hydra.launcher.trials_per_job=2", "hydra.launcher.gpus_per_trial=1"]
    app = _start(cluster, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=200)
    assert app.returncode == 0, output
    folders = [tmp_path / "m" / str(i) for i in range(6)]
    assert [(folder / "answer").read_text() for folder in folders] == [str(i * i) for i in range(6)]
    assert [len(list(folder.glob("began.*"))) for folder in folders] == [1] * 6
    assert {(folder / "modules").read_text() for folder in folders} == {"torch: False"}
    states = {task: state for task, (state, _) in cluster.jobs().items()}
    assert list(states.values()).count("COMPLETED") == 3
    assert len({task.partition("_")[0] for task in states}) == 2
    assert "gres:gpu:1" in cluster.run("scontrol", "show", "job", next(iter(states)))
    assert not (tmp_path / "m" / ".jobs").exists()


def test_what_slurm_refuses_is_one_line_and_leaves_no_jobs(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """A partition that there is not is Slurm's to refuse: its line, and nothing is waiting."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=slurm", "+x=1", "hydra.launcher.partition=nope"]
    words += [f"hydra.sweep.dir={tmp_path}/m"]
    app = _start(cluster, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=100)
    assert app.returncode != 0
    assert "Slurm did not take the jobs" in output
    assert "invalid partition" in output
    assert not list((tmp_path / "m" / ".jobs").glob("*/job.pkl"))


REFUSES = """#!/bin/sh
echo call >> {calls}
if [ $(wc -l < {calls}) -gt 1 ]; then
    echo "sbatch: error: Batch job submission failed: no more jobs for you" >&2
    exit 1
fi
exec {sbatch} "$@"
"""
"""An sbatch that takes the first array and refuses the second, as one with a quota does."""


def test_array_that_is_refused_takes_those_before_it_along(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """Of three arrays the second is refused: the first is cancelled, and nothing is to be run."""
    (tmp_path / "app.py").write_text(APP)
    calls, sbatch = tmp_path / "calls", tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    real = shutil.which("sbatch", path=cluster.env["PATH"])
    sbatch.write_text(REFUSES.format(calls=calls, sbatch=real))
    sbatch.chmod(0o755)
    limited = replace(cluster, env={**cluster.env, "PATH": f"{tmp_path}/bin:{cluster.env['PATH']}"})
    words = ["-m", "hydra/launcher=slurm", "+x=range(6)", *BRIEF, f"hydra.sweep.dir={tmp_path}/m"]
    app = _start(limited, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=200)
    assert app.returncode == 1, output
    assert "Slurm did not take the jobs" in output
    assert "no more jobs for you" in output
    assert "Traceback" not in output
    assert calls.read_text().count("call") == 2
    until(lambda: not _live(cluster), 60)
    assert not list((tmp_path / "m" / ".jobs").glob("*/job.pkl"))


def _live(cluster: SlurmCluster) -> set[str]:
    live = {"RUNNING", "PENDING", "CONFIGURING", "COMPLETING"}
    return {task for task, (state, _) in cluster.jobs().items() if state in live}


def _cancel(cluster: SlurmCluster, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, cluster.env[name])
    return api.cancel_sweep(folder)


@pytest.mark.weekly
def test_sweep_whose_first_array_is_done_is_cancelled(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended stays, what runs of the second array is ended, and no task is left."""
    (tmp_path / "app.py").write_text(
        APP.replace("time.sleep(0.5)", "time.sleep(0 if config.x < 2 else 300)")
    )
    words = ["-m", "hydra/launcher=slurm", "+x=range(4)", *BRIEF, f"hydra.sweep.dir={tmp_path}/m"]
    app = _start(cluster, tmp_path, *words, program=("app.py",))
    folders = [tmp_path / "m" / str(i) for i in range(4)]
    until(lambda: all((folder / "answer").exists() for folder in folders[:2]), 200)
    until(lambda: all(list(folder.glob("began.*")) for folder in folders[2:]), 200)
    until(lambda: len(_tasks(tmp_path / "m")) == 2, 60)
    assert _cancel(cluster, tmp_path / "m", monkeypatch) == 2
    until(lambda: not _live(cluster), 60)
    output, _ = app.communicate(timeout=100)
    assert app.returncode == 1, output
    assert "cancelled" in output
    assert [(folder / "answer").exists() for folder in folders] == [True, True, False, False]


def _tasks(folder: Path) -> dict[str, str]:
    """Return by task its trial, of those that have not ended."""
    found = {}
    for path in (folder / ".jobs").glob("*/slurm.json"):
        if not (path.parent / "ended.json").exists():
            found[json.loads(path.read_text())["task"]] = path.parent.name
    return found


def _training(cluster: SlurmCluster, folder: Path, *, node: str | None = None) -> dict[str, str]:
    """Return by task its trial, of those that run and have trained an epoch since they began."""
    tasks, found = _tasks(folder), {}
    for task, (state, where) in cluster.jobs().items():
        if task in tasks and state == "RUNNING" and node in (None, where):
            events = folder / tasks[task] / "events.jsonl"
            if events.exists() and '"epoch"' in events.read_text().rpartition('"start"')[2]:
                found[task] = tasks[task]
    return found


def _restarts(cluster: SlurmCluster, task: str) -> int:
    text = cluster.run("scontrol", "show", "job", task)
    return int(re.findall(r"Restarts=(\d+)", text)[0])


@pytest.mark.weekly
def test_sixteen_trials_survive_what_befalls_a_cluster(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """A job is cancelled, one preempted, a node lost, one never starts: all else is as `local`'s.

    Nodes have no MLflow. What was preempted or lost goes on from its checkpoint; what was cancelled
    is a row that says so, until the same command trains it.
    """
    (tmp_path / "none" / "mlflow").mkdir(parents=True)
    (tmp_path / "none" / "mlflow" / "__init__.py").write_text("raise ImportError('not here')")
    folders = [tmp_path / name for name in ("local", "slurm")]
    for each in folders:
        each.mkdir()
    sweep = ["checklist", "run", *SWEEP, "epochs=60", "seeds=4", "baseline_repeats=4"]
    _run(cluster, folders[0], *sweep, "hydra.launcher.threads=1", "hydra.launcher.devices=cpu")
    ours = read_trials(folders[0] / "runs" / "e")
    assert len(ours) == 16

    folder = folders[1] / "runs" / "e"
    there = [*sweep, "hydra/launcher=slurm", *BRIEF]
    there.append(f"hydra.launcher.setup=['export PYTHONPATH={tmp_path}/none']")
    process = _start(cluster, folders[1], *there)
    tasks = until(lambda: _tasks(folder) if len(_tasks(folder)) == 16 else None, 300)
    held = max(tasks, key=lambda task: [int(part) for part in task.split("_")])
    cluster.run("scontrol", "hold", held)

    cancelled, cancelled_trial = next(iter(until(lambda: _training(cluster, folder), 300).items()))
    cluster.run("scancel", cancelled)

    preempted = set(until(lambda: _training(cluster, folder, node="n1"), 300))
    script = "#!/bin/bash\nsleep 8\n"
    (tmp_path / "urgent.sh").write_text(script)
    cluster.run(
        *("sbatch", "-p", "urgent", "-w", "n1", "-n", "2", "-o", "/dev/null"),
        str(tmp_path / "urgent.sh"),
    )
    until(lambda: any(_restarts(cluster, task) for task in preempted), 120)

    lost = set(until(lambda: _training(cluster, folder, node="n2"), 300))
    cluster.kill_node("n2")
    until(lambda: all(_restarts(cluster, task) for task in lost), 120)
    cluster.start_node("n2")

    until(lambda: set(_tasks(folder)) == {held}, 900)
    said = _run(cluster, folders[1], "checklist", "status", "-n", "e")
    (line,) = [line for line in said.splitlines() if held in line]
    assert "waiting" in line
    assert "pending (JobHeld" in line
    cluster.run("scancel", held)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    theirs = read_trials(folder)
    failed = {n: t["result"] for n, t in theirs.items() if t["result"]["status"] != "finished"}
    assert set(failed) == {cancelled_trial, tasks[held]}
    for name in set(ours) - set(failed):
        assert {**theirs[name], "starts": 0} == {**ours[name], "starts": 0}, name
    begun = {theirs[tasks[task]]["starts"] for task in lost}
    assert min(begun) >= 2
    assert "CANCELLED" in output.upper()

    _run(cluster, folders[1], *there)
    again = read_trials(folder)
    assert set(again) == set(ours)
    for name, trial in again.items():
        assert {**trial, "starts": 0} == {**ours[name], "starts": 0}, name
    assert not (folder / ".jobs").exists()


LONG = """
import os, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / f"began.{os.getpid()}.{time.time()}").touch()
    done = folder / "done"
    while (count := int(done.read_text()) if done.exists() else 0) < 100:
        time.sleep(1)
        done.with_suffix(".part").write_text(str(count + 1))
        done.with_suffix(".part").rename(done)
    return count

main()
"""
"""An application whose jobs take 100 s, and go on where they were ended."""


@pytest.mark.weekly
def test_job_that_outlasts_its_time_limit_is_requeued_and_goes_on(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """Half a minute before its limit a task of two is requeued; the next start ends it.

    Slurm may signal a minute early: with less, before Python has begun.
    """
    (tmp_path / "app.py").write_text(LONG)
    words = ["-m", "hydra/launcher=slurm", "+x=1,2", f"hydra.sweep.dir={tmp_path}/m"]
    words += ["hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=30"]
    app = _start(cluster, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=900)
    assert app.returncode == 0, output
    for folder in (tmp_path / "m" / "0", tmp_path / "m" / "1"):
        assert (folder / "done").read_text() == "100"
        assert 2 <= len(list(folder.glob("began.*"))) <= 5


@pytest.mark.weekly
def test_detached_sweep_is_cancelled_and_picked_up(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cancel` ends a sweep whose orchestrator has left, and `run` goes on with it."""
    sweep = ["checklist", "run", *SWEEP, "epochs=200", "hydra/launcher=slurm", *BRIEF]
    said = _run(cluster, tmp_path, *sweep, "--detach")
    assert "darkmagic checklist status -n e" in said
    folder = tmp_path / "runs" / "e"
    began = until(lambda: _training(cluster, folder), 120)
    assert _cancel(cluster, folder, monkeypatch) == 4  # from here: a command may begin too late
    until(lambda: not _live(cluster), 60)
    said = _run(cluster, tmp_path, "checklist", "status")
    assert "interrupted" in said
    output = _run(cluster, tmp_path, *sweep)
    assert "baseline" in output
    trials = read_trials(folder)
    assert {trial["result"]["status"] for trial in trials.values()} == {"finished"}
    for name in began.values():
        epochs = [event["epoch"] for event in trials[name]["epochs"]]
        assert epochs == list(range(1, 201))
