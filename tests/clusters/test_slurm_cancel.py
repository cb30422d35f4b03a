"""Cancelling what Slurm has of a sweep: arrays that wait, run, are done, or were refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from slurm_jobs import BRIEF, SWEEP, live, open_tasks, run_command, start_command, training

from darkmagic.sweeps import api
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
    app = start_command(limited, tmp_path, *words, program=("app.py",))
    output, _ = app.communicate(timeout=200)
    assert app.returncode == 1, output
    assert "Slurm did not take the jobs" in output
    assert "no more jobs for you" in output
    assert "Traceback" not in output
    assert calls.read_text().count("call") == 2
    until(lambda: not live(cluster), 60)
    assert not list((tmp_path / "m" / ".jobs").glob("*/job.pkl"))


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
    app = start_command(cluster, tmp_path, *words, program=("app.py",))
    folders = [tmp_path / "m" / str(i) for i in range(4)]
    until(lambda: all((folder / "answer").exists() for folder in folders[:2]), 200)
    until(lambda: all(list(folder.glob("began.*")) for folder in folders[2:]), 200)
    until(lambda: len(open_tasks(tmp_path / "m")) == 2, 60)
    assert _cancel(cluster, tmp_path / "m", monkeypatch) == 2
    until(lambda: not live(cluster), 60)
    output, _ = app.communicate(timeout=100)
    assert app.returncode == 1, output
    assert "cancelled" in output
    assert [(folder / "answer").exists() for folder in folders] == [True, True, False, False]


@pytest.mark.weekly
def test_detached_sweep_is_cancelled_and_picked_up(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cancel` ends a sweep whose orchestrator has left, and `run` goes on with it."""
    sweep = ["checklist", "run", *SWEEP, "epochs=200", "hydra/launcher=slurm", *BRIEF]
    said = run_command(cluster, tmp_path, *sweep, "--detach")
    assert "darkmagic checklist status -n e" in said
    folder = tmp_path / "runs" / "e"
    began = until(lambda: training(cluster, folder), 120)
    assert _cancel(cluster, folder, monkeypatch) == 4  # from here: a command may begin too late
    until(lambda: not live(cluster), 60)
    said = run_command(cluster, tmp_path, "checklist", "status")
    assert "interrupted" in said
    output = run_command(cluster, tmp_path, *sweep)
    assert "baseline" in output
    trials = read_trials(folder)
    assert {trial["result"]["status"] for trial in trials.values()} == {"finished"}
    for name in began.values():
        epochs = [event["epoch"] for event in trials[name]["epochs"]]
        assert epochs == list(range(1, 201))
