"""How much of a sweep's wall time is not training.

    python tests/benchmarks/sweep_overhead.py [--epochs N] [--quick] [--json] [--results]

Runs the article's checklist on digits in a temporary folder, and divides the wall time times
the number of parallel trials into seconds inside training epochs, seconds of the trials around
these (set-up, validation, checkpoints), and the rest: imports, composition, look ahead, MLflow,
waiting for the last trial. These rows have no goal of their own: `whole_checklist.py` has.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from harness.machine import versions
from harness.sweeps import swept
from harness.table import Row, arguments, publish
from harness.turns import Measured

PARTS = ("wall", "training", "around training", "outside trials", "share outside training")


def sweep(epochs: int) -> dict[str, float]:
    """Run the checklist; return the seconds of each part, and the share of wall times cores."""
    with tempfile.TemporaryDirectory() as cache:
        words = [f"epochs={epochs}", "hydra.launcher.devices=cpu"]
        with swept(words, Path(cache)) as (trials, wall):
            results = [json.loads((trial / "result.json").read_text()) for trial in trials]
    assert len(results) == 16
    parallel = len(os.sched_getaffinity(0))
    training = sum(result["train_seconds"] for result in results)
    in_trials = sum(result["wall_seconds"] for result in results)
    outside = wall * parallel - in_trials
    share = 1 - training / (wall * parallel)
    return dict(zip(PARTS, (wall, training, in_trials - training, outside, share), strict=True))


def main() -> None:
    """Run, and print."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="two epochs")
    options = parser.parse_args()
    epochs = 2 if options.quick else options.epochs
    turns = [sweep(epochs) for _ in range(options.repeats)]
    rows = []
    for part in PARTS:
        measured = Measured(tuple(turn[part] for turn in turns))
        low, high = measured.spread
        rows.append(
            Row(
                f"16 trials of {epochs} epochs: {part}",
                "",
                "of wall times cores" if part.startswith("share") else "s",
                ours=measured.median,
                value=measured.median,
                low=low,
                high=high,
            )
        )
    publish("sweep_overhead", rows, versions("torch", "mlflow"), options)


if __name__ == "__main__":
    main()
