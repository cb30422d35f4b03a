"""A sweep that was left to Slurm, and still trains: who looks at it, picks it up, and ends it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_jobs import BRIEF, live, open_tasks, run_command, start_command, training

from machines import read_trials, until
from slurm_cluster import SlurmCluster, missing_tools, slurm_cluster

pytestmark = [
    pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("slurm"),
    pytest.mark.weekly,
]
WAITS = """
import argparse, json, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
parser.add_argument("--gain", type=int, default=0)
options = parser.parse_args()
print(json.dumps({"epoch": 1, "acc": 0.5}), flush=True)
while not Path(__file__).with_name("go").exists():
    time.sleep(0.2)
print(json.dumps({"epoch": 2, "acc": 0.6 + options.gain / 100}), flush=True)
"""
"""A training script whose second epoch ends when the test says so."""


@pytest.fixture
def cluster() -> Iterator[SlurmCluster]:
    """Return a cluster of this test's own, whose tasks are numbered from 1."""
    with slurm_cluster() as running:
        yield running


def _sweep(folder: Path) -> list[str]:
    (folder / "wait.py").write_text(WAITS)
    gains = ", ".join(f"g{i}: [--gain, '{i}']" for i in range(1, 4))
    return [
        *("checklist", "run", "trainer=command", "trainer.metric=acc", "seeds=1", "-n", "e"),
        f"trainer.command=[python, '{folder}/wait.py', --seed, '{{seed}}']",
        f"+trainer.tricks.gain={{g0: [], {gains}}}",
        "checklist.tricks=[{name: gain, section: s, options: [g0, g1, g2, g3]}]",
        *("hydra/launcher=slurm", *BRIEF),
    ]


def _follow(cluster: SlurmCluster, folder: Path, sweep: list[str]) -> subprocess.Popen[str]:
    """Start the command that picks the sweep up; return when it follows the sweep's jobs."""
    jobs = [*(folder / "runs" / "e" / ".jobs").glob("*/job.pkl")]
    before = {path: path.stat().st_mtime_ns for path in jobs}
    follower = start_command(cluster, folder, *sweep)

    def follows() -> bool:
        assert follower.poll() is None, follower.communicate()
        return all(path.stat().st_mtime_ns > at for path, at in before.items())

    until(follows, 300)
    return follower


def test_live_sweep_is_picked_up_under_its_tasks(cluster: SlurmCluster, tmp_path: Path) -> None:
    """Who follows it is killed and comes again: each trial is begun once, by its first task.

    Others look at it meanwhile, and one waits for its end, into a file.
    """
    sweep, folder = _sweep(tmp_path), tmp_path / "runs" / "e"
    run_command(cluster, tmp_path, *sweep, "--detach")
    tasks = until(lambda: found if len(found := training(cluster, folder)) == 4 else None, 200)
    said = run_command(cluster, tmp_path, "checklist", "status", "-n", "e")
    assert "e: 4 running" in said
    assert all(f"Slurm job {task}" in " ".join(said.split()) for task in tasks)
    watch = start_command(cluster, tmp_path, "checklist", "watch", "-n", "e", "--every", "0.5")

    first = _follow(cluster, tmp_path, sweep)
    held = run_command(cluster, tmp_path, *sweep, code=2)  # one follows it at a time
    assert f"'e' is being trained by process {first.pid} on" in " ".join(held.split())
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second = _follow(cluster, tmp_path, sweep)
    assert open_tasks(folder) == tasks
    assert live(cluster) == set(tasks)

    (tmp_path / "go").touch()
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0, output
    assert "g3" in output
    watched, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0
    assert "4 running" in watched.splitlines()[0]
    assert watched.rstrip().endswith("e: 4 finished")
    trials = read_trials(folder)
    assert {t["result"]["status"] for t in trials.values()} == {"finished"}
    assert [trial["starts"] for trial in trials.values()] == [1] * 4
    assert set(cluster.jobs()) == set(tasks)
    assert not (folder / ".jobs").exists()


def test_followed_sweep_is_cancelled_from_elsewhere_once(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """Two that cancel it at once, and a third, end it: the command that follows says so."""
    sweep, folder = _sweep(tmp_path), tmp_path / "runs" / "e"
    run_command(cluster, tmp_path, *sweep, "--detach")
    until(lambda: len(training(cluster, folder)) == 4, 200)
    follower = _follow(cluster, tmp_path, sweep)
    words = ("checklist", "cancel", "-n", "e")
    both = [start_command(cluster, tmp_path, *words) for _ in range(2)]
    said = [each.communicate(timeout=100)[0] for each in both]
    assert {each.returncode for each in both} <= {0, 2}, said
    assert any("e: 4 trials will not be trained on" in text for text in said)
    assert not [text for text in said if "Traceback" in text]
    output, _ = follower.communicate(timeout=200)
    assert follower.returncode == 1, output
    assert "cancelled" in output
    until(lambda: not live(cluster), 60)
    told = run_command(cluster, tmp_path, *words, code=2)
    assert "nothing of 'e' waits or runs elsewhere" in told
    assert len(told.strip().splitlines()) == 1
    assert os.listdir(folder / ".slurm")  # noqa: PTH208 (what each job printed stays)
