"""The ratios that need no GPU, at half their goal: what `.ci/run` holds every change to.

    python tests/benchmarks/gate.py [--full] [NAME ...]

Runs each benchmark small (`--quick`: one side or peer of each) and fails when a figure is not
within twice its goal: a machine may be noisy, and small runs flatter nobody. With `--full`, which
takes an hour and installs the peers, each runs whole: the weekly workflow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from harness.render import rows_of
from harness.table import figure

FOLDER = Path(__file__).resolve().parent
GATED = ("autoaugment", "one_trial", "startup")
WEEKLY = ("tracking", "scaling", "noop_trials", "packing_cpu")
"""Those that take long however small, or are far within their goals: with `--full` alone."""
SLACK = 2.0
MISSED = {
    "Hydra's basic launcher": "one import is the floor of both, and it isolates nothing",
}
"""Rows, by peer or by what, whose goal is out of reach: shown, and not held to it."""


def main() -> int:
    """Run them; return how many rows are worse than half their goal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, if none")
    parser.add_argument("--full", action="store_true", help="whole benchmarks, with every peer")
    options = parser.parse_args()
    quick = [] if options.full else ["--quick"]
    worse = 0
    for name in options.names or [*GATED, *WEEKLY * options.full]:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(FOLDER / f"{name}.py"), *quick, "--json"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(f"{name} ({time.perf_counter() - started:.0f} s)")
        for row in rows_of(json.loads(done.stdout)):
            held = row.reached(SLACK)
            if held is None:
                continue
            mark = "ok" if held else "WORSE THAN HALF ITS GOAL"
            why = MISSED.get(row.peer) or MISSED.get(row.what)
            if why:
                mark = f"not held to it: {why}"
            else:
                worse += not held
            beside = f" beside {row.peer}" if row.peer else ""
            print(f"  {row.what}{beside}: {figure(row.value)}, goal {row.goal}: {mark}")
    return worse


if __name__ == "__main__":
    sys.exit(main())
