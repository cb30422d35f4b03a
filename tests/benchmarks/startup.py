"""How long the commands that only look take to answer, beside those of Hydra, MLflow and Optuna.

    python tests/benchmarks/startup.py [--quick] [--json] [--results]

Whole processes, in turn, from their start to their end. The report is that of a sweep of 16
trials x 5 seeds x 200 epochs that was never trained: it is in an SQLite store on disk, written by
the project's own tracker, and what MLflow answered is kept beside it, as a sweep does at its end.
`report_speed.py` says what a report takes after imports. A CSV file of as many runs is judged.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from darkmagic.sweeps.track.kept.read import keep_answers
from harness.machine import versions
from harness.peers import FOLDER
from harness.table import Row, arguments, compared, limited, publish
from harness.turns import take_turns
from report_speed import fill

OURS = {
    "darkmagic --help": ["-m", "darkmagic.cli", "--help"],
    "darkmagic checklist plan": ["-m", "darkmagic.cli", "checklist", "plan"],
    "darkmagic report, 16 trials x 5 seeds": ["-m", "darkmagic.cli", "report"],
    "darkmagic judge --format txt, 16 trials x 5 seeds": [
        *("-m", "darkmagic.cli", "judge", "runs.csv", "--format", "txt"),
    ],
    "darkmagic judge, every format, 16 trials x 5 seeds": [
        *("-m", "darkmagic.cli", "judge", "runs.csv"),
    ],
}
GOALS = dict(zip(OURS, (0.3, 2.0, 2.0, 1.0, None), strict=True))
PEERS = {
    "a Hydra application's --help": [str(FOLDER / "peers" / "hello_app.py"), "--help"],
    "mlflow --help": ["-m", "mlflow", "--help"],
    "optuna --help": ["-c", "from optuna.cli import main; main()", "--help"],
}


MLFLOW = ["-c", "import mlflow.tracking"]
SCIPY = ["-c", "import numpy, scipy.special"]


def write_runs(path: Path) -> None:
    """Write a baseline and 15 trials of five seeds each."""
    rng = random.Random(0)
    rows = [
        f"{'base' if trial == 0 else f'trick{trial}'},{seed},{rng.gauss(0.9 + trial / 1000, 0.002)}"
        for trial in range(16)
        for seed in range(5)
    ]
    path.write_text("\n".join(["name,seed,val_acc", *rows]) + "\n")


def seconds(words: list[str], folder: str) -> float:
    """Return what a process of this Python takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure in turn, and print."""
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="for a gate: no report, no peers")
    options = parser.parse_args()
    report, judge = (next(c for c in OURS if word in c) for word in ("report", "txt"))
    commands, peers = dict(OURS), {}
    beside: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DARKMAGIC_CACHE"] = folder
        if options.quick:
            options.repeats = min(options.repeats, 3)
            commands = dict(list(OURS.items())[:2])
        else:
            peers = PEERS
            uri, name = fill(Path(folder), 15, 5, 200)
            keep_answers(uri, name)  # as a sweep does at its end
            commands[report] = [*OURS[report], name, "--tracking-uri", uri]
            write_runs(Path(folder) / "runs.csv")
            commands |= PEERS | {"MLflow": MLFLOW, "scipy": SCIPY}
        sides = {side: partial(seconds, words, folder) for side, words in commands.items()}
        measured = take_turns(sides, repeats=options.repeats)
    if not options.quick:
        took = {side: f"take {measured[side].median:.1f} s" for side in ("MLflow", "scipy")}
        beside[report] = (
            f"from what its sweep left; starting Python and importing MLflow {took['MLflow']}"
        )
        beside[judge] = f"starting Python and importing scipy.special {took['scipy']}"
    rows: list[Row] = [
        limited(side, "s", measured[side], at_most=GOALS[side], note=beside.get(side, ""))
        for side in OURS
        if side in measured
    ]
    rows += [
        compared(
            "darkmagic --help",
            peer,
            "s",
            measured["darkmagic --help"],
            measured[peer],
            at_least=1,
            rate=False,
        )
        for peer in peers
    ]
    publish("startup", rows, versions("hydra-core", "mlflow", "optuna", "typer"), options)


if __name__ == "__main__":
    main()
