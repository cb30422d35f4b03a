"""Which GPU each trial of a real Slurm has, where `nvidia-smi` says that nodes have two each.

Slurm gives out its two devices a node without a driver. The rest, which GPU a job sees of those
that its task was given, is ours.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from slurm_jobs import BRIEF, start_command

from slurm_cluster import SlurmCluster, missing_tools, slurm_cluster

pytestmark = [
    pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}"),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("slurm"),
    pytest.mark.weekly,
]
APP = """
import json, os, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    began = time.time()
    time.sleep(6)
    had = {name: os.environ[name] for name in ("SLURMD_NODENAME", "CUDA_VISIBLE_DEVICES")}
    times = {"began": began, "ended": time.time()}
    Path(HydraConfig.get().runtime.output_dir, "had.json").write_text(json.dumps(had | times))

main()
"""
TWO_GPUS = "#!/bin/sh\necho 'GPU 0: one (UUID: GPU-a)'\necho 'GPU 1: two (UUID: GPU-b)'\n"


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two jobs ran on one node at one time."""
    at_once = one["began"] < other["ended"] and other["began"] < one["ended"]
    return at_once and one["SLURMD_NODENAME"] == other["SLURMD_NODENAME"]


@pytest.mark.parametrize(
    ("each", "words", "overlaps"),
    [
        (1, ["trials_per_job=2", "trials_at_once=2"], True),  # of one task
        (1, ["trials_per_job=3", "trials_at_once=2"], True),
        (1, [], True),  # of two tasks on one node
        (2, ["trials_per_job=2"], False),
    ],
)
def test_no_two_trials_have_one_gpu_at_a_time(
    tmp_path: Path, each: int, words: list[str], *, overlaps: bool
) -> None:
    """Of one task or of several on a node; a trial with two has both."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "nvidia-smi").write_text(TWO_GPUS)
    (tmp_path / "nvidia-smi").chmod(0o755)
    ours = [f"hydra.launcher.{word}" for word in (*words, f"gpus_per_trial={each}")]
    words = ["-m", "hydra/launcher=slurm", "+x=range(6)", *BRIEF, *ours]
    words += [
        f"hydra.sweep.dir={tmp_path}/m",
        f"hydra.launcher.setup=['export PATH={tmp_path}:$PATH']",
    ]
    with slurm_cluster() as cluster:
        output = _run(cluster, tmp_path, words)
    found = [json.loads(path.read_text()) for path in (tmp_path / "m").glob("*/had.json")]
    assert len(found) == 6, output
    for one in found:
        assert len(set(one["CUDA_VISIBLE_DEVICES"].split(","))) == each
        assert set(one["CUDA_VISIBLE_DEVICES"].split(",")) <= {"0", "1"}
    pairs = [pair for pair in combinations(found, 2) if _overlap(*pair)]
    assert bool(pairs) == overlaps
    for one, other in pairs:
        assert one["CUDA_VISIBLE_DEVICES"] != other["CUDA_VISIBLE_DEVICES"]


def _run(cluster: SlurmCluster, folder: Path, words: list[str]) -> str:
    app = start_command(cluster, folder, *words, program=("app.py",))
    output, _ = app.communicate(timeout=250)
    assert app.returncode == 0, output
    return output
