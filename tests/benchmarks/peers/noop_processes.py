"""One subprocess a trial: `python noop_processes.py TRIALS AT_ONCE`."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def run(trial: int) -> None:
    """Run one trial of the application, as a shell script's loop would."""
    app = Path(__file__).with_name("noop_app.py")
    words = [f"+trial={trial}", "hydra.output_subdir=null", "hydra.run.dir=."]
    words += ["hydra/job_logging=none", "hydra/hydra_logging=none"]
    subprocess.run([sys.executable, app, *words], check=True)


if __name__ == "__main__":
    trials, at_once = map(int, sys.argv[1:])
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(trials)))
