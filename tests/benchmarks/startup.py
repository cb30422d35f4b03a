"""How long the commands that only look take to answer, beside MLflow's and Python's own start.

    python tests/benchmarks/startup.py [--repeats N] [--json]

Commands run in turn, so that a noisy machine is noisy for all of them; medians of whole processes,
in seconds, and their ratio to `mlflow --help`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "mlflow --help": ["-m", "mlflow", "--help"],
    "darkmagic --help": ["-m", "darkmagic.cli", "--help"],
    "darkmagic tricks": ["-m", "darkmagic.cli", "tricks"],
    "darkmagic checklist plan": ["-m", "darkmagic.cli", "checklist", "plan"],
}


def main() -> None:
    """Run, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(arguments.repeats + 1):
            for name, words in COMMANDS.items():
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, *words], cwd=folder, stdout=subprocess.DEVNULL, check=True
                )
                if repeat:  # the first fills the caches
                    seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratios = {name: median / medians["mlflow --help"] for name, median in medians.items()}
    if arguments.json:
        print(json.dumps({"seconds": medians, "ratio_to_mlflow": ratios}, indent=2))
        return
    for name, median in medians.items():
        print(f"{name:<28} {median:6.2f} s  {ratios[name]:5.2f}x")


if __name__ == "__main__":
    main()
