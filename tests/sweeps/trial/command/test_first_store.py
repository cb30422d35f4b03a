"""Scripts that make one MLflow store at the same moment, each in a trial of its own."""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
from pathlib import Path

import pytest

from darkmagic.sweeps.trial.command.run import run_command_trial
from darkmagic.trainers.outputs.names import EVENTS

STEPS = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
made = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
if "experiments" not in made or not database.execute("SELECT 1 FROM experiments").fetchone():
    time.sleep(0.3)
    for name in ("runs", "metrics", "experiments"):  # as MLflow does it, a table after another
        database.execute(f"CREATE TABLE {name} (id INTEGER)")
        time.sleep(0.1)
    database.execute("INSERT INTO experiments VALUES (0)")
database.execute("INSERT INTO runs VALUES (1)")
print("METRIC acc=0.5")
"""
NO_STORE = "print('METRIC acc=0.5')"
MLFLOW = """
import mlflow, sys
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
mlflow.set_experiment("mine")
with mlflow.start_run():
    mlflow.log_metric("acc", 0.5)
"""


def _trial(code: str, store: Path, folder: Path, seed: int) -> None:
    """Train one trial as a worker does, and leave its status."""
    node = {
        "command": [sys.executable, "-c", code, str(store)],
        "metric": "acc",
        "mlflow": f"sqlite:///{store}",
    }
    resolved = {"trainer": node, "seed": seed, "runtime": {"device": "cpu"}}
    directory = folder / str(seed)
    directory.mkdir()
    result = run_command_trial(resolved, directory)
    (directory / "status.txt").write_text(f"{result['status']} {result['reason']}".strip())


def _at_once(code: str, folder: Path, trials: int) -> list[str]:
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_trial, args=(code, folder / "mine.db", folder, seed))
        for seed in range(trials)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(900)
    return [(folder / str(seed) / "status.txt").read_text() for seed in range(trials)]


def test_trials_that_start_at_once_make_one_store(tmp_path: Path) -> None:
    """The first makes its tables alone, the others wait, say so, and use it."""
    assert _at_once(STEPS, tmp_path, 3) == ["finished"] * 3
    runs = sqlite3.connect(tmp_path / "mine.db").execute("SELECT count(*) FROM runs").fetchone()
    assert runs == (3,)
    logs = [(tmp_path / str(seed) / EVENTS).read_text() for seed in range(3)]
    assert sum("waits until the first trial has made" in log for log in logs) == 2


def test_script_that_makes_no_store_holds_the_next_no_longer_than_itself(tmp_path: Path) -> None:
    """A store that never comes, or that is no database, keeps no trial from its end."""
    assert _at_once(NO_STORE, tmp_path, 2) == ["finished"] * 2
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "mine.db").write_text("no database at all, " * 100)
    assert _at_once(NO_STORE, tmp_path / "again", 2) == ["finished"] * 2


@pytest.mark.weekly
@pytest.mark.timeout(1800)
def test_trials_that_start_at_once_make_one_store_of_mlflows(tmp_path: Path) -> None:
    """The same with MLflow itself."""
    assert _at_once(MLFLOW, tmp_path, 3) == ["finished"] * 3
