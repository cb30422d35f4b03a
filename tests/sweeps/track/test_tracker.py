"""MLflow: batches, and a store that goes away and comes back."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.orchestrate.report import load_report, ui_command
from darkmagic.sweeps.track import tracker as tracking
from darkmagic.sweeps.track.schema.tags import EVENTS_SENT
from darkmagic.sweeps.track.store import default_uri, open_client
from darkmagic.sweeps.track.tracker import Tracker


def _tracker(folder: Path) -> Tracker:
    return Tracker(f"sqlite:///{folder}/mlflow.db", "e", folder / "artifacts")


def _trial_tags(identity: str) -> dict[str, str]:
    keys = ("trick", "option", "section", "seed")
    return {"darkmagic.kind": "trial", "darkmagic.identity": identity} | {
        f"darkmagic.{key}": "1" for key in keys
    }


def test_flush_is_one_call_a_run_within_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush sends all that waits, in as few calls as MLflow's limit of 1,000 metrics allows."""
    tracker = _tracker(tmp_path)
    run = tracker.open_trial({}, None, "t", _trial_tags("i"), {f"p{i}": "x" for i in range(150)})
    calls = []
    log_batch = MlflowClient.log_batch
    monkeypatch.setattr(
        MlflowClient,
        "log_batch",
        lambda *args, **kwargs: (calls.append(1), log_batch(*args, **kwargs)),
    )
    for step in range(600):
        run.add_metrics({"a": 1.0, "b": float(step)}, when=time.time(), step=step)
    assert tracker.flush()
    assert len(calls) == 2
    client = MlflowClient(tracker.uri)
    assert len(client.get_metric_history(run.run_id, "b")) == 600
    assert len(client.get_run(run.run_id).data.params) == 150
    assert tracker.flush()
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [(MlflowException("connection refused"), "connection refused"), (OSError(), "OSError")],
)
def test_unsent_batch_is_sent_by_a_later_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """While MLflow is away everything waits, the count of sent events with it."""
    tracker = _tracker(tmp_path)
    run = tracker.open_trial({}, None, "t", _trial_tags("i"), {})

    def away(*_args: object, **_kwargs: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", away)
        run.add_metrics({"a": 1.0}, when=time.time(), step=1)
        run.tags[EVENTS_SENT] = "1"
        run.next_status = "FINISHED"
        assert not tracker.flush()
        assert tracker.problem == message
    assert tracker.flush()
    found = MlflowClient(tracker.uri).get_run(run.run_id)
    assert found.data.metrics == {"a": 1.0}
    assert found.data.tags[EVENTS_SENT] == "1"
    assert found.info.status == "FINISHED"


def test_ended_run_is_set_running_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has ended is set running again; one that is running costs no call."""
    tracker = _tracker(tmp_path)
    run = tracker.open_trial({}, None, "t", _trial_tags("i"), {})
    update = MlflowClient.update_run
    calls: list[str] = []
    monkeypatch.setattr(
        MlflowClient,
        "update_run",
        lambda *args, **words: (calls.append(words["status"]), update(*args, **words)),
    )

    def state() -> str:
        return str(MlflowClient(tracker.uri).get_run(run.run_id).info.status)

    run.mark_running()
    assert tracker.flush()
    assert (state(), calls) == ("RUNNING", [])
    run.next_status = "KILLED"
    assert tracker.flush()
    assert state() == "KILLED"
    run.mark_running()
    assert tracker.flush()
    assert (state(), calls) == ("RUNNING", ["RUNNING"])


def test_flushes_take_a_bounded_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushes come more rarely if the store is slow, within a shortest and a longest pause."""
    tracker = _tracker(tmp_path)
    now, took = 1000.0, 0.02
    flushed: list[float] = []

    def flush() -> bool:
        nonlocal now
        flushed.append(now)
        now += took
        return True

    monkeypatch.setattr(tracking.time, "monotonic", lambda: now)
    monkeypatch.setattr(tracker, "flush", flush)
    monkeypatch.setattr(tracker, "_due_at", 1005.0)
    for took in (0.02, 0.2, 3.0):
        flushed.clear()
        for _ in range(1000):
            assert tracker.flush_if_due()
            now += 0.1
        gaps = {round(after - before) for before, after in pairwise(flushed[1:])}
        assert gaps == {{0.02: 5, 0.2: 20, 3.0: 33}[took]}


def test_later_tracker_finds_the_runs_of_the_experiment(tmp_path: Path) -> None:
    """The parent is found by its recipe, trials by identity, with the number of sent events."""
    first = _tracker(tmp_path)
    parent = first.open_sweep("recipe", {"a": "b"})
    trial = first.open_trial({}, parent, "t", _trial_tags("i"), {})
    trial.tags[EVENTS_SENT] = "7"
    first.flush()
    second = _tracker(tmp_path)
    again = second.open_sweep("recipe", {"a": "b"})
    assert again.run_id == parent.run_id
    assert second.open_sweep("another", {}).run_id != parent.run_id
    found = second.open_trial(second.known_trials(again.run_id), again, "t", _trial_tags("i"), {})
    assert found.run_id == trial.run_id
    assert found.events_sent == 7


def test_configured_store_goes_before_the_environment_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URI is the configured one, else the environment's, else SQLite in the out folder."""
    assert default_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert default_uri(None, tmp_path) == "http://127.0.0.1:1"
    assert default_uri("sqlite:////x", tmp_path) == "sqlite:////x"


def test_telemetry_of_mlflow_is_off_unless_the_user_turns_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's telemetry is off by default, and stays as the user has set it."""
    for message, off in (("", True), ("false", False)):
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", message)
        if not message:
            monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
        open_client(f"sqlite:///{tmp_path}/mlflow.db")
        assert MLFLOW_DISABLE_TELEMETRY.get() is off


def test_store_that_does_not_answer_is_one_line_without_the_password() -> None:
    """A store that does not answer is an error in one line, without its password."""
    with pytest.raises(UserError, match="does not answer") as error:
        open_client("http://user:secret@127.0.0.1:9")
    assert "secret" not in str(error.value).partition("does not answer")[0]
    assert "\n" not in str(error.value)


def test_missing_sweep_or_experiment_is_an_error_with_advice(tmp_path: Path) -> None:
    """A store without a sweep, or without the experiment, is an error that says what to do."""
    _tracker(tmp_path)
    with pytest.raises(UserError, match="darkmagic checklist run"):
        load_report(f"sqlite:///{tmp_path}/mlflow.db", None)
    with pytest.raises(UserError, match=r"no experiment 'f' at .*; start one with: darkmagic"):
        load_report(f"sqlite:///{tmp_path}/mlflow.db", "f")


def test_ui_command_is_short_and_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command for MLflow's pages has a relative path if it can, and quotes if it must."""
    monkeypatch.chdir(tmp_path)
    assert ui_command(f"sqlite:///{tmp_path}/r/mlflow.db") == (
        "mlflow ui --backend-store-uri sqlite:///r/mlflow.db"
    )
    assert "'sqlite:////a b/x.db'" in ui_command("sqlite:////a b/x.db")
    assert ui_command("http://127.0.0.1:5000") == "http://127.0.0.1:5000"
