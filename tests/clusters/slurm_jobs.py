"""Commands that submit jobs to the cluster of the tests, and how their tasks stand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from machines import FOUR
from slurm_cluster import SlurmCluster

__all__ = ["BRIEF", "SWEEP", "live", "open_tasks", "run_command", "start_command", "training"]

BRIEF = ("hydra.launcher.cpus_per_trial=1", "hydra.launcher.timeout_min=30")
SWEEP = (
    *("dataset=tiny", "model.build.width=16", "runtime.device=cpu", FOUR),
    *("runtime.checkpoint_seconds=0.01", "--skip-preflight", "-n", "e"),
)


def start_command(
    cluster: SlurmCluster, folder: Path, *words: str, program: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start a command of ours, or a `program`, on a machine from which the cluster takes jobs."""
    command = program or ("-m", "darkmagic.cli")
    return subprocess.Popen(
        [sys.executable, *command, *words],
        cwd=folder,
        env={**cluster.env, "DARKMAGIC_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_command(cluster: SlurmCluster, folder: Path, *words: str, code: int = 0) -> str:
    """Run a command of ours, which is to exit with `code`; return what it prints."""
    process = start_command(cluster, folder, *words)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == code, output
    return output


def open_tasks(folder: Path) -> dict[str, str]:
    """Return by task its trial, of those that have not ended."""
    found = {}
    for path in (folder / ".jobs").glob("*/slurm.json"):
        if not (path.parent / "ended.json").exists():
            found[json.loads(path.read_text())["task"]] = path.parent.name
    return found


def training(cluster: SlurmCluster, folder: Path, *, node: str | None = None) -> dict[str, str]:
    """Return by task its trial, of those that run and have trained an epoch since they began."""
    tasks, found = open_tasks(folder), {}
    for task, (state, where) in cluster.jobs().items():
        if task in tasks and state == "RUNNING" and node in (None, where):
            events = folder / tasks[task] / "events.jsonl"
            if events.exists() and '"epoch"' in events.read_text().rpartition('"start"')[2]:
                found[task] = tasks[task]
    return found


def live(cluster: SlurmCluster) -> set[str]:
    """Return the tasks that run or will."""
    states = {"RUNNING", "PENDING", "CONFIGURING", "COMPLETING"}
    return {task for task, (state, _) in cluster.jobs().items() if state in states}
