"""Options and groups of commands in pairs, on real networks: no two break each other.

They are trained for one step by the command itself, a few at a time so that every pair of a
command's options is in one of its rows. All rows are weekly
(`pytest -n 0 -m weekly tests/faults/test_pairs.py`); a plain pytest takes one of `run`
and one of a command.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from pairs import COMMANDS, CONFLICTS, MODELS, NETWORK, SCRIPT, rows_of, words_of

from commanding import run_command
from darkmagic.sweeps.track.schema.metrics import result_metrics
from darkmagic.sweeps.track.schema.tags import CHECKLIST, STATUS, trial_tags
from darkmagic.sweeps.track.tracker import Tracker
from image_sets import make_set
from typed_inputs import outcome

QUICK = ("checklist run", "checklist run of a command")


def _cases() -> list[object]:
    """Return the rows of every command; a plain pytest takes one of `QUICK`, of a small network."""
    found = []
    for command, options in COMMANDS.items():
        rows = rows_of(options)
        quick = next((row for row in rows if "another depth" in row), rows[0])
        for row in rows:
            marks = [] if command in QUICK and row == quick else [pytest.mark.weekly]
            found.append(pytest.param(command, row, marks=marks, id=f"{command}: {', '.join(row)}"))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_rows_have_every_pair(command: str) -> None:
    """But those that do not go together."""
    rows = rows_of(COMMANDS[command])
    tried = {frozenset(pair) for row in rows for pair in itertools.combinations(row, 2)}
    every = {frozenset(pair) for pair in itertools.combinations(COMMANDS[command], 2)}
    assert every - tried == every & CONFLICTS


@pytest.mark.parametrize(("command", "row"), _cases())
def test_options_together_are_trained(tmp_path: Path, command: str, row: tuple[str, ...]) -> None:
    """The command ends well with all of them."""
    (tmp_path / "mine.py").write_text(NETWORK)
    (tmp_path / "conf").mkdir()
    make_set(tmp_path / "set", {"cat": 12, "dog": 12})
    (tmp_path / "train.py").write_text(SCRIPT)
    done = run_command(*words_of(command, row), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("pair", sorted(tuple(sorted(p)) for p in CONFLICTS if not p <= {*MODELS}))
def test_options_that_do_not_go_together_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: tuple[str, str]
) -> None:
    """Before anything is trained or written."""
    monkeypatch.chdir(tmp_path)
    code, printed = outcome(words_of("checklist run", pair))
    assert code == 2, printed
    assert len(printed.strip().splitlines()) == 1, printed
    assert list(tmp_path.iterdir()) == []


REPORT = {
    "out": ["-o", "a=b, c"],
    "format": ["--format", "md"],
    "order": ["--sort", "checklist"],
    "runs": ["--runs"],
    "watch": ["--watch", "1"],
    "one name": ["o'brien"],
    "another name": ["[old]"],
    "compare": ["--compare"],
    "expected": ["--expect", "no-worse"],
    "expected of one": ["--expect", "better", "--of", "mixup=on"],
    "server": ["--tracking-uri", "sqlite:///a=b, c/mlflow.db"],
}


@pytest.mark.parametrize("step", [18, pytest.param(1, marks=pytest.mark.weekly)])
def test_pairs_of_options_of_the_report(tmp_path: Path, step: int) -> None:
    """Each is a report, or one line that says which two do not go together."""
    for folder in ("runs", "a=b, c"):
        for name in ("o'brien", "[old]"):
            _track(tmp_path / folder, name)
    for first, second in list(itertools.combinations(REPORT, 2))[::step]:
        done = run_command("report", *REPORT[second], *REPORT[first], folder=tmp_path)
        unmet = (3,) if "--expect" in (*REPORT[first], *REPORT[second]) else ()  # single runs
        assert done.returncode in (0, 2, *unmet), done.stderr
        assert len(done.stderr.splitlines()) <= 1, (first, second, done.stderr)
        assert done.returncode == 2 or "mixup" in done.stdout, (first, second)


def _track(folder: Path, name: str) -> None:
    """Write what two finished trials leave in a store."""
    from darkmagic.checklist.model import Checklist, Trial, Trick
    from darkmagic.checklist.model_json import to_json

    folder.mkdir(exist_ok=True)
    checklist = Checklist("c", (Trick("mixup", "s", ("off", "on")),))
    tracker = Tracker(f"sqlite:///{folder}/mlflow.db", name, folder / "artifacts")
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(checklist)})
    for option, accuracy in ((None, 0.9), ("on", 0.95)):
        trick = None if option is None else "mixup"
        tags = trial_tags(Trial(trick, option, "s", 0), f"id-{option}")
        run = tracker.open_trial({}, parent, str(option), tags, {"epochs": "1"})
        run.add_metrics(result_metrics({"val_accuracy": accuracy}), when=1.0, step=0)
        run.tags[STATUS] = "finished"
        run.next_status = "FINISHED"
    parent.next_status = "FINISHED"
    assert tracker.flush()
