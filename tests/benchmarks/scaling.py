"""Sweeps of 16, 1,000 and 10,000 trials, planned, composed, tracked and reported, not trained.

    python tests/benchmarks/scaling.py [--sizes 16 1000 10000] [--json] [--results]

Each size has a process of its own: the time of each part, and the memory at its peak beyond that
after imports, are to grow no faster than the trials do, from 16 and from the size before.
Trials are rows times seeds of a checklist of three tricks with a file for each option. Runs go
into an SQLite store on disk with the project's own tracker, each with its parameters, tags, three
epochs, a result and which images were right; the report is read back from there, compared, and
written as a table.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.machine import versions
from harness.table import Row, arguments, figure, limited, publish, unmeasured
from harness.turns import Measured

SHAPES = {16: (4, 4), 160: (16, 10), 1000: (100, 10), 10_000: (1000, 10)}
"""From trials to rows, the baseline's among them, and seeds."""
SIZES = (16, 1000, 10_000)
TRICKS, EPOCHS, IMAGES = 3, 3, 1000
PARTS = ("planned", "composed", "tracked", "reported", "memory")


def make_checklist(folder: Path, rows: int) -> None:
    """Write a checklist of `rows` - 1 options over `TRICKS` tricks, with a file for each.

    Their class is in a module beside `folder`.
    """
    (folder.parent / "own.py").write_text("class Trick: pass\n")
    lines = ["name: many", "tricks:"]
    for trick in range(TRICKS):
        options = [f"o{place}" for place in range((rows - 1) // TRICKS + 1)]
        lines.append(f"  - {{name: t{trick}, section: s, options: [{', '.join(options)}]}}")
        group = folder / "trick" / f"t{trick}"
        group.mkdir(parents=True)
        for place, option in enumerate(options):
            content = f"# @package tricks.t{trick}\n_target_: own.Trick\nstrength: {place}\n"
            (group / f"{option}.yaml").write_text(content)
    (folder / "checklist").mkdir()
    (folder / "checklist" / "many.yaml").write_text("\n".join(lines) + "\n")


def run_size(trials: int) -> dict[str, float]:
    """Do everything for `trials` trials in this process; return seconds, and MiB of memory."""
    from darkmagic.sweeps.compose.overrides import check_overrides
    from darkmagic.sweeps.compose.plan import Planner
    from darkmagic.sweeps.compose.session import compose, hydra_session
    from darkmagic.sweeps.launch.progress import SilentProgress
    from darkmagic.sweeps.orchestrate import report as reporting
    from darkmagic.sweeps.orchestrate.compose_trials import compose_trials
    from darkmagic.sweeps.track import tracker as tracking

    tracking.open_client("sqlite://")  # imports MLflow
    rows, seeds = SHAPES[trials]
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds[part] = time.perf_counter() - began

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DARKMAGIC_CACHE"] = name
        make_checklist(folder / "conf", rows)
        sys.path.insert(0, name)
        before = _peak()
        words = ["checklist=many", f"seeds={seeds}", "baseline_repeats=1"]
        words += [f"runtime.out={folder}/runs"]
        with hydra_session([folder / "conf"]) as hydra:
            loader = hydra.config_loader
            with timed("planned"):
                checked = check_overrides(loader, words)
                plan = Planner(loader, checked.config, checked.plain, checked.tricks).plan()
            assert len(plan.trials) == trials
            with timed("composed"):
                master = compose(loader, checked.plain)
                states = compose_trials(loader, master, plan, SilentProgress())
            assert len({state.identity for state in states}) == trials
        uri = f"sqlite:///{folder}/mlflow.db"
        with timed("tracked"):
            track(uri, folder, plan.checklist, states)
        with timed("reported"):
            report = reporting.load_report(uri, None)
            show(report)
        assert len(report.rows) == rows
        seconds["memory"] = _peak() - before
    return seconds


def track(uri: str, folder: Path, checklist: Any, states: list[Any]) -> None:
    """Write a finished sweep as the orchestrator does."""
    import numpy as np

    from darkmagic.checklist.model_json import to_json
    from darkmagic.sweeps.orchestrate.trial_state import flatten
    from darkmagic.sweeps.track.schema.metrics import result_metrics
    from darkmagic.sweeps.track.schema.tags import CHECKLIST, STATUS
    from darkmagic.sweeps.track.tracker import Tracker
    from darkmagic.trainers.outputs.names import CORRECT

    rng = np.random.default_rng(0)
    tracker = Tracker(uri, "many", folder / "artifacts")
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(checklist)})
    for state in states:
        params = flatten(state.resolved)
        state.run = tracker.open_trial({}, parent, state.run_name, state.tags, params)
    tracker.flush()
    for state in states:
        for epoch in range(1, EPOCHS + 1):
            state.run.add_metrics({"val_accuracy": 0.9, "lr": 0.1}, when=epoch, step=epoch)
        right = rng.random(IMAGES) < 0.9
        result = {"val_accuracy": right.mean(), "val_images": IMAGES, "step_seconds": rng.random()}
        state.run.add_metrics(result_metrics(result), when=EPOCHS, step=0)
        state.run.tags |= {**state.tags, STATUS: "finished"}
        state.directory.mkdir(parents=True)
        np.save(state.directory / CORRECT, np.packbits(right))
        state.run.files.append(state.directory / CORRECT)
        state.run.next_status = "FINISHED"
        tracker.flush()
    parent.next_status = "FINISHED"
    assert tracker.flush(), tracker.problem


def show(report: Any) -> None:
    """Render the table, with what stands below it."""
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.comparison import comparison_view

    console = make_console()
    with console.capture():
        console.print(comparison_view(report, 160))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each size, and print how each part grew."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SHAPES)
    parser.add_argument("--one", type=int, help="this size here, as JSON", choices=SHAPES)
    parser.add_argument("--quick", action="store_true", help="for a gate: 16 and 160")
    options = parser.parse_args()
    if options.quick:
        options.sizes = [16, 160]
    if options.one:
        print(json.dumps(run_size(options.one)))
        return
    figures = {
        (size, turn): _in_process(size) for turn in range(options.repeats) for size in options.sizes
    }
    small, *larger = options.sizes
    # From the smallest, and from one to the next: what is fixed hides growth in the former.
    pairs = [*((small, size) for size in larger), *pairwise(larger)]
    rows: list[Row] = []
    for before, size in pairs:
        for part in PARTS:
            unit = "MiB" if part == "memory" else "s"
            values = {
                s: [figures[s, turn][part] for turn in range(options.repeats)]
                for s in (before, size)
            }
            growth = [b / a for a, b in zip(values[before], values[size], strict=True)]
            first, last = (Measured(tuple(values[s])).median for s in (before, size))
            rows.append(
                limited(
                    f"{size:,} trials {part}: growth from {before:,}",
                    "times",
                    Measured(tuple(growth)),
                    at_most=size / before,
                    note=f"{figure(first)} to {figure(last)} {unit}",
                )
            )
    if not options.quick:
        left_out = [size for size in SIZES if size not in options.sizes]
        rows += [
            unmeasured(
                f"{size:,} trials: growth from {small}",
                "",
                "times",
                at_most=size / small,
                why=f"--sizes left it out: about {size / 500:.0f} minutes on 2 cores",
            )
            for size in left_out
        ]
    publish("scaling", rows, versions("mlflow", "hydra-core", "numpy", "scipy"), options)


def _in_process(size: int) -> dict[str, float]:
    words = [sys.executable, __file__, "--one", str(size)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
