"""A command's trial that was killed goes on with the words that are mapped, and says so."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from darkmagic.sweeps.trial.command.resume import join
from darkmagic.sweeps.trial.command.run import run_command_trial
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.outputs.event_log import last_of_each_epoch, parse_event

SCRIPT = """
import json, os, pathlib, signal, sys
folder = pathlib.Path(os.environ["DARKMAGIC_DIRECTORY"])
how, *words = sys.argv[1:]
first = json.loads(pathlib.Path(words[1]).read_text()) + 1 if words else 1
for epoch in range(first, 5):
    value = {1: 0.9, 2: 0.6, 3: 0.7, 4: 0.8}[epoch]
    if how == "file":
        with open(folder / "log.csv", "a") as file:
            file.write("epoch,acc\\n" * (epoch == 1) + f"{epoch},{value}\\n")
    else:
        print(f"METRIC acc={value}" + f" epoch={epoch}" * (how == "steps"), flush=True)
    (folder / "last.json").write_text(str(epoch) * ("HALF" not in os.environ))
    if epoch == int(os.environ.get("KILL_AT", 0)) and not words:
        os.kill(os.getpid(), signal.SIGKILL)
"""
RESUME = ["--resume", "{directory}/last*.json"]
HOWS = ("steps", "counted", "file")


def _trial(
    folder: Path, how: str, resume: list[str], script: str = SCRIPT, **node: Any
) -> dict[str, Any]:
    (folder / "train.py").write_text(script)
    command = [sys.executable, str(folder / "train.py"), how]
    trainer = {"command": command, "metric": "acc", "resume": resume, **node}
    resolved = {"trainer": trainer, "seed": 0, "runtime": {"device": "cpu"}}
    trial = folder / "trial"
    trial.mkdir(exist_ok=True)
    start = {"type": "start", "time": time.time() - 1}
    with (trial / "events.jsonl").open("a") as file:
        file.write(json.dumps(start) + "\n")
    return run_command_trial(resolved, trial)


def _events(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "trial" / "events.jsonl").read_bytes().splitlines()
    return [event for line in lines if (event := parse_event(line)) is not None]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("killed_at", [2, 4])
def test_killed_script_goes_on_with_the_mapped_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, killed_at: int
) -> None:
    """Value, best value and curve are those of a run that was never killed, also after the last."""
    monkeypatch.setenv("KILL_AT", str(killed_at))
    assert "SIGKILL" in _trial(tmp_path, how, RESUME)["reason"]
    result = _trial(tmp_path, how, RESUME, take="best")
    assert (result["status"], result["value"]) == ("finished", 0.9), result
    events = _events(tmp_path)
    curve = [(e["epoch"], e["value"]) for e in last_of_each_epoch(events)]
    assert curve == [(1, 0.9), (2, 0.6), (3, 0.7), (4, 0.8)]
    (note,) = [e["message"] for e in events if e["type"] == "note"]
    assert note == f"goes on with --resume {tmp_path}/trial/output/last.json"


ANEW = {
    "no words": ([], "starts anew: no words to go on with are given (--resume)"),
    "no file": (["--resume", "{directory}/*.pt"], "starts anew: it left no {directory}/*.pt"),
}


@pytest.mark.parametrize("why", ANEW)
@pytest.mark.parametrize("how", HOWS)
def test_script_that_cannot_go_on_starts_anew_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    """Without words to go on with, or what they name, the whole curve is that of the second run."""
    resume, said = ANEW[why]
    monkeypatch.setenv("KILL_AT", "2")
    assert "SIGKILL" in _trial(tmp_path, how, resume)["reason"]
    monkeypatch.setenv("KILL_AT", "0")
    result = _trial(tmp_path, how, resume)
    assert (result["status"], result["value"]) == ("finished", 0.8), result
    assert len(last_of_each_epoch(_events(tmp_path))) == 4
    (note,) = [e["message"] for e in _events(tmp_path) if e["type"] == "note"]
    assert note.startswith(said)


@pytest.mark.parametrize("how", HOWS)
def test_trial_whose_checkpoint_is_half_written_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The script that fails on it is run again without it, and the curve is that run's alone."""
    monkeypatch.setenv("KILL_AT", "2")
    monkeypatch.setenv("HALF", "1")
    assert "SIGKILL" in _trial(tmp_path, how, RESUME)["reason"]
    monkeypatch.setenv("KILL_AT", "0")
    result = _trial(tmp_path, how, RESUME, take="best")
    assert (result["status"], result["value"]) == ("finished", 0.9), result
    curve = [(e["epoch"], e["value"]) for e in last_of_each_epoch(_events(tmp_path))]
    assert curve == [(1, 0.9), (2, 0.6), (3, 0.7), (4, 0.8)]
    notes = [e["message"] for e in _events(tmp_path) if e["type"] == "note"]
    assert notes[1].startswith("could not go on, and starts anew: ExitCode 1: json.decoder.")


LATER = """
import os, sys
if "--resume" in sys.argv:
    print("METRIC acc=0.5" * (os.environ["COMES"] == "far"), flush=True)
    os.kill(os.getpid(), 9) if os.environ["COMES"] == "killed" else sys.exit(3)
open(os.environ["DARKMAGIC_DIRECTORY"] + "/last.json", "a").close()
sys.exit(4)
"""


@pytest.mark.parametrize(
    ("comes", "reason"), [("far", "ExitCode 3"), ("killed", "SIGKILL"), ("nowhere", "ExitCode 4")]
)
def test_trial_that_went_on_and_failed_later_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes: str, reason: str
) -> None:
    """A value after the checkpoint, or a signal, is no sign of a bad one."""
    monkeypatch.setenv("COMES", comes)
    assert "ExitCode 4" in _trial(tmp_path, "steps", RESUME, script=LATER)["reason"]
    assert reason in _trial(tmp_path, "steps", RESUME, script=LATER)["reason"]


def test_first_run_says_nothing_of_going_on(tmp_path: Path) -> None:
    """A trial that was never interrupted is given no words, and has no note."""
    assert _trial(tmp_path, "steps", RESUME)["value"] == 0.8
    assert not [e for e in _events(tmp_path) if e["type"] == "note"]


def test_steps_after_a_checkpoint_replace_those_before() -> None:
    """A run that goes on from an older checkpoint than its last step has each step once."""
    before = Found("before", {"acc": [(1, 0.1), (2, 0.2), (3, 0.3)]})
    after = Found("now", {"acc": [(3, 0.35), (4, 0.4)]})
    joined = join(before, after, "acc")
    assert joined is not None
    assert joined.series("acc") == [(1, 0.1), (2, 0.2), (3, 0.35), (4, 0.4)]
