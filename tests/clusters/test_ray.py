"""`hydra/launcher=ray` on a cluster of several node processes, of which one is killed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machines import APP, FOUR, read_trials, until

pytestmark = [
    pytest.mark.weekly,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="not installed: ray"),
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore"),  # Ray's own, of sockets and processes
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Return a cluster of three nodes, each with a CPU and a GPU that is none."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    running = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "num_gpus": 0, "include_dashboard": False},
    )
    try:
        for _ in range(2):
            running.add_node(num_cpus=1, num_gpus=1)
        yield running
    finally:
        running.shutdown()


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "DARKMAGIC_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


SERVED = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print(ray.get_runtime_context().get_node_id())
"""


def _serving(cluster: Any, folder: Path) -> str:
    """Return the node that serves commands of this machine: with it they would die, too.

    Newer versions of Ray take the head for it; 2.50 any node of the machine, the same each time.
    """
    output, _ = _start(folder, "-W", "ignore", "-c", SERVED, cluster.address).communicate()
    return output.split()[-1]


OWN = """
import sys
from darkmagic.sweeps.launch.ray.submit import _connect
ray = _connect(sys.argv[1] or None)
print(len(ray.nodes()), ray.get_runtime_context().gcs_address)
"""


def test_ray_of_our_own_is_started_beside_one_that_runs(cluster: Any, tmp_path: Path) -> None:
    """Without an address a cluster of this machine, perhaps somebody else's, is left alone."""
    for address, nodes in (("", 1), (cluster.address, 3)):
        done = _start(tmp_path, "-W", "ignore", "-c", OWN, address)
        output, _ = done.communicate(timeout=200)
        assert done.returncode == 0, output
        count, gcs = output.split()[-2:]
        assert int(count) == nodes
        assert (gcs == cluster.address) == bool(address)


def test_two_jobs_of_a_foreign_application_share_a_gpu(cluster: Any, tmp_path: Path) -> None:
    """Jobs that ask for half a GPU each are run by the nodes that have one, once each."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=ray", f"hydra.launcher.address={cluster.address}"]
    words += ["hydra.launcher.gpus_per_trial=0.5", "hydra.launcher.cpus_per_trial=0.5"]
    app = _start(tmp_path, "app.py", *words, "+x=range(4)", f"hydra.sweep.dir={tmp_path}/m")
    output, _ = app.communicate(timeout=300)
    assert app.returncode == 0, output
    folders = [tmp_path / "m" / str(i) for i in range(4)]
    assert [(folder / "answer").read_text() for folder in folders] == ["0", "1", "4", "9"]
    assert [len(list(folder.glob("began.*"))) for folder in folders] == [1] * 4
    assert not (tmp_path / "m" / ".jobs").exists()


def test_numbers_are_those_of_local_though_a_node_dies(cluster: Any, tmp_path: Path) -> None:
    """A node is killed in mid-sweep: its trial goes on elsewhere, and nothing is trained twice."""
    sweep = ["-m", "darkmagic.cli", "checklist", "run", "dataset=tiny", "model.build.width=16"]
    sweep += ["runtime.device=cpu", FOUR, "runtime.checkpoint_seconds=0.01", "--skip-preflight"]
    sweep += ["-n", "e", "epochs=60", "seeds=2", "baseline_repeats=2", "hydra.launcher.threads=1"]
    folders = [tmp_path / name for name in ("local", "ray")]
    for each in folders:
        each.mkdir()
    local = _start(folders[0], *sweep, "hydra.launcher.devices=cpu")
    output, _ = local.communicate(timeout=600)
    assert local.returncode == 0, output
    ours = read_trials(folders[0] / "runs" / "e")
    assert len(ours) == 8

    folder, serving = folders[1] / "runs" / "e", _serving(cluster, tmp_path)
    ray = _start(
        folders[1],
        *sweep,
        "hydra/launcher=ray",
        f"hydra.launcher.address={cluster.address}",
        "hydra.launcher.lease_seconds=20",
    )
    until(
        lambda: len([p for p in folder.glob("*/events.jsonl") if '"epoch"' in p.read_text()]) >= 3,
        400,
    )
    cluster.remove_node(
        next(node for node in cluster.worker_nodes if node.node_id != serving), allow_graceful=False
    )
    output, _ = ray.communicate(timeout=900)
    assert ray.returncode == 0, output
    theirs = read_trials(folder)
    starts = sorted(trial["starts"] for trial in theirs.values())
    assert starts == [1] * 7 + [2]
    for name, trial in theirs.items():
        assert {**trial, "starts": 0} == {**ours[name], "starts": 0}, name
    assert not (folder / ".jobs").exists()


def test_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """An address where no Ray answers ends the command with 2 and its line."""
    words = ["-m", "darkmagic.cli", "checklist", "run", "dataset=tiny", "hydra/launcher=ray"]
    words += ["hydra.launcher.address=127.0.0.1:1", "--skip-preflight", "runtime.device=cpu", FOUR]
    done = _start(tmp_path, *words)
    output, _ = done.communicate(timeout=300)
    assert done.returncode == 2, output
    assert "Ray does not answer" in output
