"""How much of a sweep's wall time is not training: the starting point of making it fast.

    python tests/benchmarks/sweep_overhead.py [--epochs N] [--json]

Runs the article's checklist on digits in a temporary folder, and divides the wall time times
the number of parallel trials into seconds inside training epochs, seconds of the trials around
these (set-up, validation, checkpoints), and the rest: imports, composition, look ahead, MLflow,
waiting for the last trial.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Run, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = ["checklist", "run", "--skip-preflight", f"epochs={arguments.epochs}"]
        words += ["hydra.launcher.devices=cpu"]
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "darkmagic.cli", *words],
            cwd=folder,
            env={**os.environ, "DARKMAGIC_CACHE": f"{folder}/cache"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - started
        results = [json.loads(p.read_text()) for p in Path(folder).glob("runs/*/*/result.json")]
    parallel = len(os.sched_getaffinity(0))
    training = sum(result["train_seconds"] for result in results)
    in_trials = sum(result["wall_seconds"] for result in results)
    figures = {
        "trials": len(results),
        "epochs": arguments.epochs,
        "parallel_trials": parallel,
        "wall_seconds": round(wall, 1),
        "training_seconds": round(training, 1),
        "around_training_seconds": round(in_trials - training, 1),
        "outside_trials_seconds": round(wall * parallel - in_trials, 1),
        "outside_training_share_of_wall": round(1 - training / (wall * parallel), 3),
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<32} {value}")


if __name__ == "__main__":
    main()
