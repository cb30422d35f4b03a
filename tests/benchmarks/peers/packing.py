"""How else trials get to share a device: processes in the background, joblib, Ray Tune.

Each trains the same trials by the same function; only what starts and places them differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.serving import serve

ONE = """
import json, sys
from harness.cifar_trials import train_trial
options, seed, path = json.loads(sys.argv[1])
result = train_trial(options, seed)
open(path, "w").write(json.dumps(result))
"""


def background(options: dict[str, Any], trials: int, at_once: int) -> dict[str, Any]:
    """Start a process a trial, all of them at once, as `&` does in a shell."""
    del at_once
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(seed) for seed in range(trials)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", ONE, json.dumps([options, seed, str(path)])],
                stdout=subprocess.DEVNULL,
            )
            for seed, path in enumerate(paths)
        ]
        for process in processes:
            process.wait()
        results = [json.loads(path.read_text()) for path in paths if path.exists()]
    return {"seconds": time.perf_counter() - started, "results": results}


def with_joblib(options: dict[str, Any], trials: int, at_once: int) -> dict[str, Any]:
    """Hand the trials to joblib's processes, which stay warm from call to call."""
    from joblib import Parallel, delayed

    from harness.cifar_trials import train_trial

    started = time.perf_counter()
    jobs = (delayed(train_trial)(options, seed) for seed in range(trials))
    results = Parallel(n_jobs=at_once)(jobs)
    return {"seconds": time.perf_counter() - started, "results": list(results)}


def with_ray(options: dict[str, Any], trials: int, at_once: int) -> dict[str, Any]:
    """Hand the trials to Ray Tune, each with its share of the GPU."""
    import ray
    from ray import tune

    from harness.cifar_trials import train_trial

    if not ray.is_initialized():
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            num_cpus=max(at_once, os.cpu_count() or 1),
            runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}},
        )

    def trainable(config: dict[str, Any]) -> dict[str, Any]:
        return train_trial(options, config["seed"])

    share = {"cpu": 1, "gpu": 0 if options["device"] == "cpu" else 1 / at_once}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(trainable, share),
            param_space={"seed": tune.grid_search(list(range(trials)))},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        found = [result.metrics or {} for result in tuner.fit()]
    keys = ("status", "parameters", "flops", "epochs", "val_accuracy", "stepping", "reason")
    results = [{key: metrics.get(key) for key in keys} for metrics in found]
    return {"seconds": time.perf_counter() - started, "results": results}


if __name__ == "__main__":
    serve(background, with_joblib, with_ray)
