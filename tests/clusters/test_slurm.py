"""`hydra/launcher=slurm` on a real Slurm of two nodes: what is cancelled, preempted or lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_jobs import BRIEF, SWEEP, open_tasks, run_command, start_command, training

from machines import APP, read_trials, until
from slurm_cluster import SlurmCluster, missing_tools, slurm_cluster

pytestmark = [
    pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}"),
    pytest.mark.timeout(1500),
    pytest.mark.xdist_group("slurm"),  # a node that one cluster loses has the name of another's
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[SlurmCluster]:
    """Return a cluster that the tests of this file share."""
    with slurm_cluster() as running:
        yield running


def test_jobs_of_a_foreign_application_run_on_both_nodes(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """Three tasks run six jobs, once, without torch, in two arrays, as Slurm takes no larger."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=slurm", "+x=range(6)", *BRIEF, f"hydra.sweep.dir={tmp_path}/m"]
    words += ["hydra.launcher.trials_per_job=2", "hydra.launcher.gpus_per_trial=1"]
    app = start_command(cluster, tmp_path, *words, program=("app.py",))
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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("gpus_per_trial=9", "Slurm did not take the jobs: sbatch: error: "),
        pytest.param(
            "timeout_min=61",
            "timeout_min=61: partition main ends jobs after 60 min; give at most that",
            marks=pytest.mark.weekly,
        ),
        pytest.param(
            "partition=nope",
            "Slurm has no partition 'nope'; choose from: main, urgent",
            marks=pytest.mark.weekly,
        ),
    ],
)
def test_what_slurm_refuses_is_one_line_and_leaves_no_jobs(
    cluster: SlurmCluster, tmp_path: Path, asked: str, said: str
) -> None:
    """More GPUs than a node has are Slurm's to refuse: its line, once, and nothing is waiting."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=slurm", "+x=1", *BRIEF, f"hydra.launcher.{asked}"]
    words += [f"hydra.sweep.dir={tmp_path}/m"]
    app = start_command(cluster, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=100)
    assert app.returncode != 0
    assert said in output
    assert output.count("sbatch: error") == said.count("sbatch: error")
    assert not list((tmp_path / "m" / ".jobs").glob("*/job.pkl"))


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
    run_command(
        cluster, folders[0], *sweep, "hydra.launcher.threads=1", "hydra.launcher.devices=cpu"
    )
    ours = read_trials(folders[0] / "runs" / "e")
    assert len(ours) == 16

    folder = folders[1] / "runs" / "e"
    there = [*sweep, "hydra/launcher=slurm", *BRIEF]
    there.append(f"hydra.launcher.setup=['export PYTHONPATH={tmp_path}/none']")
    process = start_command(cluster, folders[1], *there)
    tasks = until(lambda: open_tasks(folder) if len(open_tasks(folder)) == 16 else None, 300)
    held = max(tasks, key=lambda task: [int(part) for part in task.split("_")])
    cluster.run("scontrol", "hold", held)

    cancelled, cancelled_trial = next(iter(until(lambda: training(cluster, folder), 300).items()))
    cluster.run("scancel", cancelled)

    until(lambda: training(cluster, folder, node="n1"), 300)
    script = "#!/bin/bash\nsleep 8\n"
    (tmp_path / "urgent.sh").write_text(script)
    cluster.run(
        *("sbatch", "-p", "urgent", "-w", "n1", "-n", "2", "-o", "/dev/null"),
        str(tmp_path / "urgent.sh"),
    )
    # one that trained may end before Slurm has chosen whom to take the place of
    until(lambda: any(_restarts(cluster, task) for task in open_tasks(folder)), 120)

    lost = set(until(lambda: training(cluster, folder, node="n2"), 300))
    cluster.kill_node("n2")
    until(lambda: all(_restarts(cluster, task) for task in lost), 120)
    cluster.start_node("n2")

    until(lambda: set(open_tasks(folder)) == {held}, 900)
    said = run_command(cluster, folders[1], "checklist", "status", "-n", "e")
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

    run_command(cluster, folders[1], *there)
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
    app = start_command(cluster, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=900)
    assert app.returncode == 0, output
    for folder in (tmp_path / "m" / "0", tmp_path / "m" / "1"):
        assert (folder / "done").read_text() == "100"
        assert 2 <= len(list(folder.glob("began.*"))) <= 5
