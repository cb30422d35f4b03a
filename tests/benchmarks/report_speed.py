"""How long a report takes after imports, from MLflow's store on disk.

    python tests/benchmarks/report_speed.py [--large N] [--json] [--results]

Writes sweeps that were never trained into an SQLite store with the project's own tracker, and
reads them back: the table, and the page with its plots. `startup.py` has the whole command.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.report.write import write_report
from darkmagic.cli.console import make_console
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.track.schema.metrics import result_metrics
from darkmagic.sweeps.track.schema.tags import CHECKLIST, REASON, STATUS, trial_tags
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.trainers.outputs.names import CORRECT
from harness.machine import versions
from harness.table import Row, arguments, limited, publish
from harness.turns import take_turns

IMAGES = 5000


def checklist(trials: int) -> Checklist:
    """Return one of `trials` trials beside the baseline, five options a trick."""
    tricks = []
    for first in range(0, trials, 5):
        options = tuple(str(i) for i in range(min(5, trials - first)))
        tricks.append(Trick(f"trick{first:04d}", f"section {first % 3}", ("base", *options)))
    return Checklist("bench", tuple(sorted(tricks, key=lambda trick: trick.section)))


def fill(folder: Path, trials: int, seeds: int, epochs: int) -> tuple[str, str]:
    """Write a finished sweep; return its store's address and its experiment's name."""
    uri, name = f"sqlite:///{folder}/mlflow.db", f"bench-{trials}-{seeds}"
    listed = checklist(trials)
    tracker = Tracker(uri, name, folder / "artifacts")
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(listed)})
    rng = np.random.default_rng(0)
    for trial in expand(listed, plan_seeds(listed, seeds=seeds)):
        add_run(tracker, parent, trial, epochs, folder, rng)
    parent.next_status = "FINISHED"
    assert tracker.flush(), tracker.problem
    return uri, name


def add_run(tracker, parent, trial: Trial, epochs: int, folder: Path, rng) -> None:  # noqa: ANN001
    """Queue a finished trial with its curves and its bits."""
    correct = rng.random(IMAGES) < 0.9
    tags = {**trial_tags(trial, "x"), STATUS: "finished", REASON: ""}
    run = tracker.open_trial({}, parent, f"{trial.name} {trial.seed}", tags, {})
    for epoch in range(1, epochs + 1):
        values = {"val_accuracy": 0.9 - 0.5 / epoch, "lr": 1 / epoch, "weight_decay": 5e-5}
        run.add_metrics(values, when=time.time(), step=epoch)
    costs = {"step_seconds": 1 + rng.random(), "wall_seconds": 60.0, "parameters": 1000}
    result = {
        "val_accuracy": float(correct.mean()),
        "val_images": IMAGES,
        "epochs": epochs,
        **costs,
    }
    run.add_metrics(result_metrics(result), when=time.time(), step=0)
    bits = folder / trial.name / str(trial.seed)
    bits.mkdir(parents=True, exist_ok=True)
    np.save(bits / CORRECT, np.packbits(correct))
    run.files.append(bits / CORRECT)


def table(uri: str, name: str) -> float:
    """Return the seconds of the table, from the store to the terminal's characters."""
    console = make_console(stderr=True)
    began = time.perf_counter()
    with console.capture():
        console.print(comparison_view(load_report(uri, name), 160))
    return time.perf_counter() - began


def page(uri: str, name: str) -> float:
    """Return the seconds of the page, its curves and plots among them."""
    began = time.perf_counter()
    write_report(load_report(uri, name, curves=True), "html")
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--large", type=int, default=1000, help="trials of the large sweep")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DARKMAGIC_CACHE"] = folder
        warm = fill(Path(folder), 2, 1, 2)
        table(*warm)  # imports
        page(*warm)
        shapes = {
            "16 trials x 5 seeds x 200 epochs": ((15, 5, 200), 2, 10),
            f"{options.large:,} trials x 20 epochs": ((options.large - 1, 1, 20), 60, 60),
        }
        for what, (shape, *goals) in shapes.items():
            sweep = fill(Path(folder), *shape)
            sides = {"table": partial(table, *sweep), "page": partial(page, *sweep)}
            measured = take_turns(sides, repeats=options.repeats, warm_up=0)
            rows += [
                limited(f"{side} of {what}, after imports", "s", measured[side], at_most=goal)
                for side, goal in zip(sides, goals, strict=True)
            ]
    publish("report_speed", rows, versions("mlflow", "scipy", "statsmodels", "matplotlib"), options)


if __name__ == "__main__":
    main()
