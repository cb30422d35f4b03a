"""The same trials by Ray Tune, a core each: `python noop_ray.py TRIALS AT_ONCE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import ray
from ray import tune


def noop(config: dict[str, int]) -> dict[str, float]:
    """Import torch, as training would, and add a line to the file that NOOP_LOG names."""
    import torch

    with Path(os.environ["NOOP_LOG"]).open("a") as log:
        log.write(f"{config['trial']} {os.getpid()}\n")
    return {"loss": float(torch.__version__[0])}


if __name__ == "__main__":
    trials, at_once = map(int, sys.argv[1:])
    ray.init(num_cpus=at_once, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        noop,
        param_space={"trial": tune.grid_search(list(range(trials)))},
        run_config=tune.RunConfig(storage_path=str(Path.cwd()), verbose=0),
    )
    found = tuner.fit()
    sys.exit(found.num_errors)
