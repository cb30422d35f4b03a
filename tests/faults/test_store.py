"""MLflow's store: killed while it is made, made twice at once, deleted from, and frozen."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mlflow import MlflowClient

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status
from darkmagic.sweeps import slow
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.track import tracker as tracking
from darkmagic.sweeps.track.store import open_client
from darkmagic.sweeps.track.tracker import Tracker
from sweeping import TINY, Recorder, run

TWO = [
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    "trick/label_smoothing=0.0",
    "epochs=2",
]


def _fork(work: Callable[[], object]) -> int:
    """Run `work` in a child, which has MLflow imported; its exit code is 0 if it worked."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def _code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def warm(tmp_path: Path) -> float:
    """Import what a store needs; return how many seconds it takes to make one after that."""
    open_client(f"sqlite:///{tmp_path}/first.db")
    began = time.monotonic()
    open_client(f"sqlite:///{tmp_path}/second.db")
    return time.monotonic() - began


def test_kill_while_tables_are_made_leaves_a_folder_that_works(tmp_path: Path, warm: float) -> None:
    """After each of several kills at random moments the database is whole or not there."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    draw, killed = random.Random(0), 0
    for _ in range(6):
        child = _fork(lambda: open_client(uri))
        time.sleep(draw.uniform(0.05, 0.9) * warm)
        os.kill(child, signal.SIGKILL)
        killed += _code(child) == -signal.SIGKILL
        for name in ("mlflow.db",):
            if (tmp_path / name).exists():
                with sqlite3.connect(tmp_path / name) as database:
                    assert database.execute("SELECT count(*) FROM experiments").fetchone() == (1,)
                (tmp_path / name).unlink()
    assert killed >= 3
    assert [e.name for e in open_client(uri).search_experiments()] == ["Default"]
    assert not (tmp_path / "mlflow.db.part").exists()


def test_processes_that_make_one_store_at_once_all_get_it(tmp_path: Path, warm: float) -> None:
    """Three first sweeps at once in one folder share one database and one experiment."""
    assert warm
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    children = [_fork(lambda: Tracker(uri, "same", tmp_path / "a")) for _ in range(3)]
    assert [_code(child) for child in children] == [0, 0, 0]
    assert {e.name for e in open_client(uri).search_experiments()} == {"Default", "same"}


def test_database_that_an_earlier_kill_left_is_set_aside(tmp_path: Path) -> None:
    """A database without all of its tables has no run in it, and makes place for a whole one."""
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    path = tmp_path / "mlflow.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert open_client(f"sqlite:///{path}").search_experiments()
    assert (tmp_path / "mlflow.db.damaged").exists()


def test_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    """Another file of the database's name is neither written over nor taken for a bug."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(UserError, match="is no database") as error:
        open_client(f"sqlite:///{path}")
    assert "\n" not in str(error.value)
    assert path.read_bytes().startswith(b"something else")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("postgresql+psycopg://me:s3cret@127.0.0.1:9/x", "does not answer"),
        ("mysql+pymysql://me:s3cret@127.0.0.1/x", "needs the Python package"),
        ("mssql+nosuch://me:s3cret@127.0.0.1/x", "does not answer"),
        ("postgresql+psycopg://me:s3cret@127.0.0.1:port/x", "does not answer"),
        ("http://me:s3cret@127.0.0.1:9", "does not answer"),
        ("nosuch://me:s3cret@127.0.0.1/x", "does not answer"),
    ],
)
def test_store_that_refuses_says_so_at_once(uri: str, said: str) -> None:
    """A missing driver and a server that refuses are one line, soon, without the password."""
    began = time.monotonic()
    with pytest.raises(UserError, match=said) as error:
        open_client(uri)
    assert time.monotonic() - began < 20
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


def _tags(seed: int) -> dict[str, str]:
    tags = {"kind": "trial", "identity": "i", "trick": "t", "option": "o", "section": "s"}
    return {f"darkmagic.{key}": value for key, value in {**tags, "seed": str(seed)}.items()}


def test_deleted_run_stops_no_other_and_is_made_again(tmp_path: Path) -> None:
    """What waits for a run that was deleted in MLflow does not hold up the others."""
    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", "e", tmp_path / "artifacts")
    parent = tracker.open_sweep("recipe", {})
    runs = [tracker.open_trial({}, parent, f"t{i}", _tags(i), {"p": "1"}) for i in range(3)]
    assert tracker.flush()
    client = MlflowClient(tracker.uri)
    client.delete_run(runs[0].run_id)
    for run_ in runs:
        run_.add_epoch("epoch", 1, {"a": 1.0}, time.time())
        run_.next_status = "FINISHED"
    assert tracker.flush()
    assert tracker.deleted == ["t0"]
    assert {client.get_run(r.run_id).info.status for r in runs[1:]} == {"FINISHED"}
    again = Tracker(tracker.uri, "e", None)
    parent = again.open_sweep("recipe", {})
    known = again.known_trials(parent.run_id)
    new = [again.open_trial(known, parent, f"t{i}", _tags(i), {}) for i in range(3)]
    assert [r.run_id for r in new[1:]] == [r.run_id for r in runs[1:]]
    for run_ in new:
        run_.add_epoch("epoch", 1, {"a": 1.0}, time.time())
        run_.next_status = "FINISHED"
    assert again.flush()
    for run_ in new:
        assert client.get_run(run_.run_id).info.status == "FINISHED"
        assert [m.step for m in client.get_metric_history(run_.run_id, "a")] == [1]


def test_deleted_experiment_is_one_line_with_the_way_back(tmp_path: Path) -> None:
    """MLflow keeps the name of an experiment that was deleted, so that it must be said."""
    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", "e", tmp_path / "artifacts")
    client = MlflowClient(tracker.uri)
    experiment = client.get_experiment_by_name("e")
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(UserError, match="mlflow experiments restore -x"):
        Tracker(tracker.uri, "e", None)


@dataclass
class Freezer(Recorder):
    """Locks the database when the first trial starts, until the last one has ended."""

    database: Path | None = None
    lock: sqlite3.Connection | None = None
    ends: list[float] = field(default_factory=list)

    def status(self, index: int, status: Status, reason: str) -> None:
        super().status(index, status, reason)
        if self.lock is None:
            self.lock = sqlite3.connect(str(self.database), check_same_thread=False)
            self.lock.execute("BEGIN EXCLUSIVE")
        elif status is Status.FINISHED:
            self.ends.append(time.monotonic())
            if len(self.ends) == 2:
                self.lock.rollback()
                self.lock.close()


def test_frozen_store_delays_no_trial_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Trials start, train and end while no call to MLflow returns; then everything is sent.

    A second sweep without the trials' folders takes their results from MLflow, one after a trial's
    run was deleted there makes it again, and an edit of neither recipe nor seed trains nothing.
    """
    import shutil

    from darkmagic.sweeps import api
    from darkmagic.sweeps.orchestrate.finish import finish

    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(slow, "SLOW_SECONDS", 0.0)
    said: list[str] = []
    every = [*TINY, *TWO, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    frozen = Freezer(database=tmp_path / "mlflow.db")
    outcome = api.run_checklist(every, frozen)
    report, _ = finish(outcome, said.append)
    assert len(frozen.ends) == 2
    for what, notes in (("opening", frozen.notes), ("sending", frozen.notes), ("reading", said)):
        assert any(note.startswith(f"MLflow is slow: {what}") for note in notes), what
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    rows = {row.name: row.accuracy for row in report.comparison.rows}
    assert None not in rows.values()
    assert rows == {row.name: row.accuracy for row in load_report(uri, None).comparison.rows}
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(outcome.experiment)

    def trials() -> list[object]:
        clause = "tags.`darkmagic.kind` = 'trial'"
        return list(client.search_runs([experiment.experiment_id], clause))

    for each in trials():
        steps = [m.step for m in client.get_metric_history(each.info.run_id, "val_loss")]
        assert steps == [1, 2]
    client.delete_run(trials()[0].info.run_id)
    made = run(tmp_path, TWO)
    assert made.progress.trials == []
    assert [each.info.status for each in trials()] == ["FINISHED"] * 2
    for folder in outcome.folder.glob("*-s0-*"):
        shutil.rmtree(folder)
    elsewhere = run(tmp_path, TWO)
    assert elsewhere.progress.trials == []
    assert any("from MLflow alone" in note for note in elsewhere.progress.notes)
    assert {r.name: 100 * (r.accuracy or 0) for r in elsewhere.outcome.records} == pytest.approx(
        rows
    )
    assert rows == {row.name: row.accuracy for row in load_report(uri, None).comparison.rows}
    printed = "".join(capfd.readouterr())
    assert "View run" not in printed
    assert "%|" not in printed


@dataclass
class Interrupter(Recorder):
    """Interrupts the sweep as soon as its first trial has started."""

    def started(self, trials: object, finished: int) -> None:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()


def test_interrupted_sweep_leaves_no_run_running_and_another_recipe_is_said(tmp_path: Path) -> None:
    """Runs that never started end with those that did; the table names sweeps it leaves out."""
    from darkmagic.sweeps import api

    every = [*TINY, *TWO, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    slow = [
        *every,
        "epochs=3000",
        "seeds=4",
        "baseline_repeats=1",
        "hydra.launcher.trials_per_device=1",
    ]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            api.run_checklist(slow, Interrupter())
    finally:
        signal.signal(signal.SIGINT, before)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 9
    assert {each.info.status for each in runs} == {"KILLED"}
    run(tmp_path, TWO)
    (note,) = load_report(uri, None).remarks
    assert "another sweep, of another recipe" in note
    assert "epochs=3000" in note
