"""How trials end, each in a whole sweep: every ending is a row and takes no other down."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status
from sweeping import Swept, own_config, run

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
def test_every_ending_is_a_row(own: Swept, name: str) -> None:
    """A trial that goes wrong takes no other with it, and says what happened."""
    rows = {
        row.name: row for row in compare(own.outcome.plan.checklist, own.outcome.records, LAX).rows
    }
    assert set(rows) == set(OUTCOMES)
    status, reason = OUTCOMES[name]
    assert set(rows[name].statuses) == {status}
    assert reason in rows[name].reason


def test_what_changes_nothing_is_not_trained(own: Swept) -> None:
    """Found out before dispatch, as is what does not apply."""
    trained = {name for name, _ in own.progress.trials}
    assert trained == set(OUTCOMES) - {"misbehave=inert", "misbehave=not_applicable"}


def test_failed_trials_are_tried_again(own: Swept) -> None:
    """And the others are not."""
    again = run(
        own.folder, ["checklist=own", "trick/label_smoothing=0.0"], [own_config(own.folder)]
    )
    assert {name for name, _ in again.progress.trials} == {
        "misbehave=raise",
        "misbehave=exit",
        "misbehave=kill",
    }


def test_tracebacks_are_in_the_log(own: Swept) -> None:
    """Of the trial that raised."""
    (folder,) = own.outcome.folder.glob("misbehave=raise-*")
    assert "RuntimeError: planted error" in (folder / "log.txt").read_text()


def test_a_bad_checklist_starts_nothing(tmp_path: Path) -> None:
    """An option without a file is named, with the nearest."""
    conf = own_config(tmp_path)
    (conf / "checklist" / "own.yaml").write_text(
        "name: own\ntricks: [{name: mixup, section: s, options: ['off', 'onn']}]\n"
    )
    with pytest.raises(UserError, match="no option 'onn'; did you mean on"):
        run(tmp_path, ["checklist=own"], [conf])
    assert not (tmp_path / "mlflow.db").exists()
