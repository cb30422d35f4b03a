"""How trials end, each in a whole sweep: every ending is a row and takes no other down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status
from darkmagic.sweeps import SilentProgress, api
from darkmagic.sweeps.orchestrate.follower import Follower
from sweeping import TINY, Swept, own_config, run

LAX = Rules(floor=0.0)
"""One epoch on tiny data may well stay at chance."""

OUTCOMES = {
    "baseline": (Status.FINISHED, ""),
    "mixup=on": (Status.FINISHED, ""),
    "brighten=on": (Status.FINISHED, ""),
    "misbehave=raise": (Status.FAILED, "planted error"),
    "misbehave=exit": (Status.FAILED, "exited with code 3"),
    "misbehave=kill": (Status.FAILED, "SIGKILL"),
    "misbehave=diverge": (Status.DIVERGED, "not finite"),
    "misbehave=not_applicable": (Status.NOT_APPLICABLE, "no eyebrows"),
    "misbehave=inert": (Status.INERT, "same network"),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_ending_is_a_row_with_its_reason(own: Swept, name: str) -> None:
    """A trial that ends badly is a row with status and reason, and takes no other down."""
    rows = {
        row.name: row for row in compare(own.outcome.plan.checklist, own.outcome.records, LAX).rows
    }
    assert set(rows) == set(OUTCOMES)
    status, reason = OUTCOMES[name]
    assert set(rows[name].statuses) == {status}
    assert reason in rows[name].reason


def test_inert_and_not_applicable_trials_are_not_started(own: Swept) -> None:
    """Trials that change nothing or do not apply are found before any starts."""
    trained = {name for name, _ in own.progress.trials}
    assert trained == set(OUTCOMES) - {"misbehave=inert", "misbehave=not_applicable"}


def test_second_run_trains_only_failed_trials(own: Swept) -> None:
    """A second run of an experiment trains the failed trials again and no others."""
    again = run(
        own.folder, ["checklist=own", "trick/label_smoothing=0.0"], [own_config(own.folder)]
    )
    assert {name for name, _ in again.progress.trials} == {
        "misbehave=raise",
        "misbehave=exit",
        "misbehave=kill",
    }


def test_traceback_of_a_failed_trial_is_in_its_log(own: Swept) -> None:
    """The log of a trial that raised has its traceback."""
    (folder,) = own.outcome.folder.glob("misbehave=raise-*")
    assert "RuntimeError: planted error" in (folder / "log.txt").read_text()


def test_secret_in_an_exception_of_the_users_is_in_no_file(own: Swept) -> None:
    """Neither in a log, a result, a report nor MLflow's store: all of them have it masked."""
    files = [
        path for path in own.folder.rglob("*") if path.is_file() and "own_tricks" not in str(path)
    ]
    read = {path: path.read_bytes() for path in files}
    assert [path for path, content in read.items() if b"s3cr3t" in content] == []
    masked = {path.name for path, content in read.items() if b"no http://***@host" in content}
    assert {"log.txt", "result.json", "mlflow.db", "report.html"} <= masked


def test_checklist_with_unknown_option_starts_nothing(tmp_path: Path) -> None:
    """An option without a file is an error that names the nearest, before anything is written."""
    conf = own_config(tmp_path)
    (conf / "checklist" / "own.yaml").write_text(
        "name: own\ntricks: [{name: mixup, section: s, options: ['off', 'onn']}]\n"
    )
    with pytest.raises(UserError, match="no option 'onn'; did you mean on"):
        run(tmp_path, ["checklist=own"], [conf])
    assert not (tmp_path / "mlflow.db").exists()


class Failing(SilentProgress):
    """A progress that its writer has not thought through."""

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        """Fail at the first epoch."""
        raise KeyError("accuracy")


def test_progress_that_fails_takes_no_trial_down(tmp_path: Path) -> None:
    """Whatever it raises, the trial is followed to its end, and the failure is said."""
    overrides = [*TINY, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    with pytest.warns(RuntimeWarning, match="shown no further: KeyError: 'accuracy'"):
        (state,) = api.train([*overrides, "epochs=1", "max_steps=2"], Failing(), multirun=False)
    assert state.status is Status.FINISHED


def test_failure_of_the_thread_that_follows_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours ends the command as one, and not with a table that waits for its runs."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Follower, "_end", fail)
    overrides = [*TINY, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    with pytest.raises(ZeroDivisionError):
        api.train([*overrides, "max_steps=2"], SilentProgress(), multirun=False)
