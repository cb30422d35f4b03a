"""What tracking costs: metrics a second into SQLite on disk, and its share of a real sweep.

    python tests/benchmarks/tracking.py [--quick] [--json] [--results]

The rate: the same metrics of 16 runs' epochs, sent by `mlflow.log_metric` in a loop, and by the
project's tracker, which queues an epoch's metrics as it comes and flushes by the clock, as the
orchestrator does; at full speed its batches grow to MLflow's limit. The last of ours is flushed
inside the measured time, and every value is read back from both stores.

The share: the article's checklist is run on digits, and the tracker's calls are timed. While
trials train, tracking has a thread of its own, and costs what CPU time that thread takes in
these calls. Before the first trial and after the last it holds up the sweep, and costs the time
that passes (MLflow's import and the store's first tables among it, which are the same however
long the trials are). Both are divided by the sweep's wall time.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.track.tracker import Tracker
from harness.machine import versions
from harness.table import Row, arguments, compared, limited, publish
from harness.turns import Measured, take_turns

RUNS = 16
FIELDS = ("train_loss", "val_loss", "val_accuracy", "lr", "weight_decay", "rate", "memory")
CALLS = ("__init__", "open_sweep", "known_trials", "open_trial", "flush")


def by_tracker(epochs: int) -> float:
    """Return metrics a second by our tracker."""
    with tempfile.TemporaryDirectory() as name:
        tracker = Tracker(f"sqlite:///{name}/mlflow.db", "e", Path(name))
        runs = [tracker.follow(_new_run(tracker)) for _ in range(RUNS)]
        began = time.perf_counter()
        for epoch in range(epochs):
            for run in runs:
                run.add_metrics(_values(epoch), when=time.time(), step=epoch)
                assert tracker.flush_if_due(), tracker.problem
        assert tracker.flush(), tracker.problem
        seconds = time.perf_counter() - began
        _check(tracker.uri, epochs)
    return RUNS * epochs * len(FIELDS) / seconds


def by_log_metric(epochs: int) -> float:
    """Return metrics a second by MLflow's fluent call, a run after the other."""
    import mlflow

    with tempfile.TemporaryDirectory() as name:
        uri = f"sqlite:///{name}/mlflow.db"
        tracker = Tracker(uri, "e", Path(name))  # the store's tables
        mlflow.set_tracking_uri(uri)
        ids = [_new_run(tracker) for _ in range(RUNS)]
        began = time.perf_counter()
        for run_id in ids:
            with mlflow.start_run(run_id=run_id):
                for epoch in range(epochs):
                    for key, value in _values(epoch).items():
                        mlflow.log_metric(key, value, step=epoch)
        seconds = time.perf_counter() - began
        _check(uri, epochs)
    return RUNS * epochs * len(FIELDS) / seconds


def _new_run(tracker: Tracker) -> str:
    run = tracker.open_sweep(str(time.time_ns()), {})
    assert tracker.flush(), tracker.problem  # which makes it
    return str(run.run_id)


def _values(epoch: int) -> dict[str, float]:
    return {key: 1 / (1 + epoch + place) for place, key in enumerate(FIELDS)}


def _check(uri: str, epochs: int) -> None:
    client = open_client(uri)
    experiment = client.get_experiment_by_name("e").experiment_id
    for run in search_runs(client, experiment, {"darkmagic.kind": "sweep"}):
        history = client.get_metric_history(run.info.run_id, "val_loss")
        assert [metric.step for metric in history] == list(range(epochs))


class Watch:
    """A sweep's progress that records when its first trial starts and its last ends."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def started(self, _trials: object, _finished: int) -> None:
        self.began = time.perf_counter()

    def status(self, _index: int, status: Status, _reason: str) -> None:
        if status is not Status.RUNNING:
            self.ended = time.perf_counter()

    def event(self, index: int, event: Mapping[str, Any]) -> None: ...
    def note(self, message: str) -> None: ...
    def closed(self) -> None: ...


@contextmanager
def timed_calls(spent: dict[str, list[float]]) -> Any:
    """Add up what the tracker's calls take: CPU on the follower's thread, else what passes."""
    kept = {name: getattr(Tracker, name) for name in CALLS}

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def measure(*args: Any, **kwargs: Any) -> Any:
            follower = threading.current_thread().name == "follower"
            clock = time.thread_time if follower else time.perf_counter
            began = clock()
            try:
                return call(*args, **kwargs)
            finally:
                spent["follower" if follower else "held up"].append(clock() - began)

        return measure

    for name, call in kept.items():
        setattr(Tracker, name, timed(call))
    try:
        yield
    finally:
        for name, call in kept.items():
            setattr(Tracker, name, call)


def share_of_sweep(epochs: int) -> tuple[float, float, float]:
    """Return a sweep's wall time, what the follower spent and what the sweep waited, in s."""
    spent: dict[str, list[float]] = {"follower": [], "held up": []}
    with tempfile.TemporaryDirectory() as name, timed_calls(spent):
        os.environ["DARKMAGIC_CACHE"] = f"{name}/cache"
        words = [f"epochs={epochs}", f"runtime.out='{name}'", "hydra.launcher.devices=cpu"]
        words.append(f"runtime.tracking_uri='sqlite:///{name}/mlflow.db'")  # the loop set another
        began = time.perf_counter()
        outcome = api.run_checklist(words, Watch())
        wall = time.perf_counter() - began
    assert all(record.status is not Status.FAILED for record in outcome.records)
    return wall, sum(spent["follower"]), sum(spent["held up"])


def main() -> None:
    """Measure, and print."""
    parser = arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=100, help="of the runs in the rate")
    parser.add_argument("--sweep-epochs", type=int, default=20, help="of the sweep")
    parser.add_argument("--quick", action="store_true", help="the rate alone, of few epochs")
    options = parser.parse_args()
    epochs = 20 if options.quick else options.epochs
    if options.quick:
        options.repeats = min(options.repeats, 3)
    few = 1 if options.quick else min(epochs, 3)  # a loop's rate is the same however long it is
    rates = take_turns(
        {"ours": partial(by_tracker, epochs), "loop": partial(by_log_metric, few)},
        repeats=options.repeats,
    )
    peer = "mlflow.log_metric in a loop"
    work = {"runs": RUNS, "metrics an epoch": len(FIELDS), "read back": "all, both"}
    found: list[Row] = [
        compared(
            "metrics sent to SQLite on disk",
            peer,
            "metrics/s",
            rates["ours"],
            rates["loop"],
            at_least=10,
            note=f"{epochs} epochs of ours, {few} of the loop's",
            equal_work=work,
        )
    ]
    if not options.quick:
        wall, follower, held_up = share_of_sweep(options.sweep_epochs)
        sweep = f"checklist on digits, {options.sweep_epochs} epochs"
        found += [
            limited(
                f"{sweep}: tracking while trials train",
                "% of wall",
                Measured((100 * follower / wall,)),
                at_most=1,
                note=f"{follower:.2f} s of {wall:.0f} s",
            ),
            limited(
                f"{sweep}: tracking before the first trial and after the last",
                "% of wall",
                Measured((100 * held_up / wall,)),
                at_most=1,
                note=f"{held_up:.2f} s, whatever the trials' length: 1 % of a sweep of "
                f"{100 * held_up / 60:.0f} minutes",
            ),
        ]
    publish("tracking", found, versions("mlflow", "sqlalchemy"), options)


if __name__ == "__main__":
    main()
