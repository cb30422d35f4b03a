"""Tracking to a real PostgreSQL server, which the test starts on loopback and stops."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.track import tracker as tracking
from darkmagic.sweeps.track.database import prepare_database
from darkmagic.sweeps.track.schema.metrics import result_metrics
from darkmagic.sweeps.track.schema.tags import CHECKLIST, KIND, STATUS, trial_tags
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.track.tracker import Tracker
from servers import SECRET, Postgres, running_postgres
from sweeping import TINY, Recorder


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Return a server with an empty database."""
    with running_postgres() as server:
        yield server


def test_sweep_is_tracked_in_postgres_and_read_back(postgres: Postgres) -> None:
    """The tracker writes parent, trials and metrics, and the report is read from the database."""
    checklist = Checklist("c", (Trick("mixup", "regularisation", ("off", "on")),))
    tracker = Tracker(postgres.uri, "pg", None)
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(checklist)})
    for option, accuracy in ((None, 0.9), ("on", 0.95)):
        trick = None if option is None else "mixup"
        tags = trial_tags(Trial(trick, option, "regularisation", 0), f"id-{option}")
        run = tracker.open_trial({}, parent, str(option), tags, {"epochs": "1"})
        for step in range(1, 300):
            run.add_metrics({"val_accuracy": accuracy}, when=time.time(), step=step)
        run.add_metrics(result_metrics({"val_accuracy": accuracy}), when=time.time(), step=0)
        run.tags[STATUS] = Status.FINISHED
        run.next_status = "FINISHED"
    assert tracker.flush(), tracker.problem
    baseline, mixup = load_report(postgres.uri, "pg").comparison.rows
    assert baseline.accuracy == pytest.approx(90)
    assert mixup.difference == pytest.approx(5)


def _connect_until_refused(uri: str) -> None:
    for _ in range(50):  # the server reads its rules when it comes to it
        prepare_database(uri)
        time.sleep(0.1)


def test_wrong_password_is_one_line_at_once(postgres: Postgres) -> None:
    """MLflow would try for more than a minute; neither it nor we say the password."""
    postgres.ask_for_passwords()
    importlib.import_module("mlflow")  # seconds of its own, or a minute on a busy machine
    began = time.monotonic()
    with pytest.raises(UserError, match=r"answer: .*password authentication failed") as no:
        _connect_until_refused(postgres.uri)
    with pytest.raises(UserError, match=r"password authentication failed"):
        open_client(postgres.uri)
    assert time.monotonic() - began < 20
    assert "\n" not in str(no.value)
    assert SECRET not in str(no.value)


TWO = """
name: two
tricks:
  - {name: mixup, section: s, options: ["off", "on"]}
  - {name: label_smoothing, section: s, options: ["0.0", "0.1"]}
"""


@dataclass
class Stopper(Recorder):
    """Stops the store when the first trial has ended."""

    server: Postgres | None = None

    def status(self, index: int, status: Status, reason: str) -> None:
        super().status(index, status, reason)
        if self.server is not None and status is not Status.RUNNING:
            self.server.stop()
            self.server = None


def test_trials_finish_if_the_store_stops_during_the_sweep(
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The table is made from the trials' folders, and missing metrics are sent by the next run."""
    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(tracking, "FLUSH_SECONDS_AT_MOST", 0.0)
    (tmp_path / "conf/checklist").mkdir(parents=True)
    (tmp_path / "conf/checklist/two.yaml").write_text(TWO)
    overrides = [*TINY, "checklist=two", "epochs=2", "floor=0", f"runtime.out='{tmp_path}'"]
    overrides.append(f"runtime.tracking_uri='{postgres.uri}'")
    progress = Stopper(server=postgres)
    report, _ = finish(api.run_checklist(overrides, progress, [tmp_path / "conf"]))
    trained = [row.name for row in report.comparison.rows if row.accuracy is not None]
    assert {"baseline", "mixup=on", "label_smoothing=0.1"} == set(trained)
    assert any("training goes on" in note for note in progress.notes)
    assert "the same command sends what is missing" in progress.notes[-1]
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    assert SECRET not in printed.out + printed.err
    postgres.start()
    again = Recorder()
    finish(api.run_checklist(overrides, again, [tmp_path / "conf"]))
    assert again.trials == []
    rows = {row.name: row.accuracy for row in load_report(postgres.uri, None).comparison.rows}
    assert rows == {row.name: row.accuracy for row in report.comparison.rows}
    client = open_client(postgres.uri)
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = search_runs(client, experiment.experiment_id, {KIND: "trial"})
    assert {run.info.status for run in runs} == {"FINISHED"}
    sweeps = search_runs(client, experiment.experiment_id, {KIND: "sweep"})
    assert not [run for run in (*runs, *sweeps) if SECRET in str(run.to_dictionary())]
    assert runs[0].data.params["runtime.tracking_uri"].endswith("/postgres")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if path.name == "config.yaml"]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET not in "".join([*progress.notes, *again.notes])
