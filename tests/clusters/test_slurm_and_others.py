"""One checklist through every launcher: the same identities and, on a CPU, the same numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from slurm_jobs import BRIEF, SWEEP, run_command

from machines import read_trials, start_worker
from slurm_cluster import missing_tools, slurm_cluster

pytestmark = [
    pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}"),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="not installed: ray"),
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("slurm"),
    pytest.mark.weekly,
]
LAUNCHERS = {
    "local": ("hydra.launcher.devices=cpu", "hydra.launcher.threads=1"),
    "worker": ("hydra/launcher=worker",),
    "slurm": ("hydra/launcher=slurm", *BRIEF),
    "ray": ("hydra/launcher=ray",),  # of this machine alone: test_ray.py has one of several nodes
}


def test_numbers_are_the_same_through_every_launcher(tmp_path: Path) -> None:
    """Each trial, its results and the epochs of its log, to the last bit; each begun once."""
    sweep = ("checklist", "run", *SWEEP, "epochs=3")
    found = {}
    with slurm_cluster() as cluster:
        for name, words in LAUNCHERS.items():
            folder = tmp_path / name
            (folder / "runs").mkdir(parents=True)
            options = ("--trials-per-device", "2", "--threads", "1", "--idle", "300")
            worker = start_worker(folder / "runs", *options) if name == "worker" else None
            try:
                run_command(cluster, folder, *sweep, *words)
            finally:
                if worker is not None:
                    worker.terminate()
                    worker.communicate(timeout=60)
            found[name] = read_trials(folder / "runs" / "e")
    assert len(found["local"]) == 4
    assert {len(trial["epochs"]) for trial in found["local"].values()} == {3}
    for name in LAUNCHERS:
        assert found[name] == found["local"], name
