"""Trials that hang or die in a whole sweep, and sweeps that are told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from commanding import FIVE, command, run_command
from commanding import TINY as COMMAND_TINY
from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from sweeping import TINY, Recorder, own_config

PLAIN = ["trick/label_smoothing=0.0", "trick/augmentation=standard"]


def _train(folder: Path, how: str, *overrides: str) -> dict[str, object]:
    """Train one trial with `misbehave=how`; return its result, its folder added."""
    conf = own_config(folder)
    (conf / "trick" / "misbehave" / f"{how}.yaml").write_text(
        f"# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: {how}\n"
    )
    words = [*TINY, *PLAIN, f"runtime.out='{folder}'", f"runtime.cache='{folder}/cache'"]
    words += [f"+trick/misbehave={how}", *overrides]
    (state,) = api.train(words, Recorder(), [conf], multirun=False)
    return {**state.result, "folder": state.directory, "is": state.status}


def test_a_hanging_hook_ends_as_failed_with_its_stack_in_the_log(tmp_path: Path) -> None:
    """After the seconds that are asked for."""
    result = _train(tmp_path, "hang", "hydra.launcher.stall_seconds=3")
    assert result["is"] is Status.FAILED
    assert str(result["reason"]).startswith("no progress for ")
    assert "own_tricks.py" in (Path(str(result["folder"])) / "log.txt").read_text()


def test_a_trial_that_is_killed_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """It finishes with every epoch once, as an undisturbed one does, and its reason says so."""
    (tmp_path / "killed").mkdir()
    (tmp_path / "whole").mkdir()
    killed = _train(tmp_path / "killed", "kill_once", "epochs=3")
    whole = _train(tmp_path / "whole", "inert", "epochs=3")
    assert killed["is"] is whole["is"] is Status.FINISHED
    assert "trained again, alone: the process was ended by SIGKILL" in str(killed["reason"])
    assert killed["val_loss"] == whole["val_loss"]
    lines = (Path(str(killed["folder"])) / "events.jsonl").read_text().splitlines()
    epochs = [event["epoch"] for event in map(json.loads, lines) if event["type"] == "epoch"]
    assert epochs == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "times", "words"),
    [
        pytest.param("SIGHUP", 1, "stopped; finished trials are kept", marks=pytest.mark.weekly),
        pytest.param("SIGTERM", 1, "stopped; finished trials are kept", marks=pytest.mark.weekly),
        # Ctrl-C once is tried in each run: tests/cli/test_interrupt.py.
        pytest.param("SIGINT", 2, "To go on: darkmagic checklist run", marks=pytest.mark.weekly),
    ],
)
def test_a_signal_stops_a_run_and_says_how_to_go_on(
    tmp_path: Path, name: str, times: int, words: str
) -> None:
    """Its children end with it; a second Ctrl-C does not wait for anything to be tidied up."""
    arguments = ["checklist", "run", *COMMAND_TINY, "--skip-preflight", "epochs=500", FIVE]
    process = subprocess.Popen(
        command(*arguments),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.rglob("checkpoint.pt")):
        time.sleep(0.1)
    pids = [
        json.loads(path.read_text().splitlines()[0])["pid"]
        for path in tmp_path.rglob("events.jsonl")
    ]
    try:
        for _ in range(times):
            process.send_signal(getattr(signal, name))
            time.sleep(0.1)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    # A second Ctrl-C may meet a Python that is all but gone; a shell says 130 of both.
    assert process.returncode == 130 or (times > 1 and process.returncode == -signal.SIGINT)
    assert words in stderr
    assert "Traceback" not in stderr
    assert pids
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids if _runs(pid)]


def _heed_signals() -> None:
    for each in (signal.SIGINT, signal.SIGHUP):  # which jobs in the background and nohup ignore
        signal.signal(each, signal.SIG_DFL)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_fail_fast_ends_a_sweep_with_its_first_failure(tmp_path: Path) -> None:
    """The others are not trained now, and are by the next run; the table shows what there is."""
    conf = own_config(tmp_path)
    tricks = "{name: misbehave, section: s, options: ['off', raise]}"
    tricks += ",{name: brighten, section: s, options: ['off', 'on']}"
    words = [*TINY, *PLAIN, f"checklist.tricks=[{tricks}]", f"runtime.out='{tmp_path}'"]
    words += [f"runtime.cache='{tmp_path}/cache'", "hydra.launcher.trials_per_device=1"]
    os.chdir(tmp_path)
    first = api.sweep(api.plan(words, [conf], will_train=True), Recorder(), fail_fast=True)
    assert [r.status for r in first.records] == [Status.FINISHED, Status.FAILED, Status.PENDING]
    again = api.sweep(api.plan(words, [conf], will_train=True), Recorder())
    assert [r.status for r in again.records] == [Status.FINISHED, Status.FAILED, Status.FINISHED]


def test_a_trick_that_kills_the_look_ahead_does_not_blind_it(tmp_path: Path) -> None:
    """The others are looked at by themselves, and the one that killed it trains."""
    conf = own_config(tmp_path)
    (conf / "trick" / "misbehave" / "kill_look.yaml").write_text(
        "# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: kill_look\n"
    )
    trick = "{name: misbehave, section: s, options: ['off', kill_look, inert, not_applicable]}"
    words = [*TINY, *PLAIN, f"checklist.tricks=[{trick}]"]
    words += [f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    os.chdir(tmp_path)
    progress = Recorder()
    outcome = api.sweep(api.plan(words, [conf], will_train=True), progress)
    statuses = {record.name: record.status for record in outcome.records}
    assert statuses == {
        "baseline": Status.FINISHED,
        "misbehave=kill_look": Status.FINISHED,
        "misbehave=inert": Status.INERT,
        "misbehave=not_applicable": Status.NOT_APPLICABLE,
    }
    assert "the look ahead was killed: each trial is looked at by itself" in progress.notes


def test_a_look_ahead_that_hangs_is_ended_by_stall_seconds(tmp_path: Path) -> None:
    """The line says so and how to wait longer, and what would have been found trains."""
    conf = own_config(tmp_path)
    (conf / "trick" / "misbehave" / "hang_look.yaml").write_text(
        "# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: hang_look\n"
    )
    trick = "{name: misbehave, section: s, options: ['off', hang_look, inert]}"
    words = [*TINY, *PLAIN, f"checklist.tricks=[{trick}]", "max_steps=1"]
    words += [f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    words += ["hydra.launcher.stall_seconds=1"]
    os.chdir(tmp_path)
    progress = Recorder()
    outcome = api.sweep(api.plan(words, [conf], will_train=True), progress)
    assert {record.status for record in outcome.records} == {Status.FINISHED}
    (note,) = (note for note in progress.notes if "look ahead" in note)
    assert note.startswith("the look ahead took 3 s and was ended: trials that change nothing are")
    assert "hydra.launcher.stall_seconds=N" in note


HANGS = """
import os
import time
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes, in_channels=1, how="hang", **_):
        super().__init__(nn.Flatten(), nn.LazyLinear(num_classes))
        if how == "hang":
            time.sleep(600)
        if how == "die":
            os._exit(7)
        if how == "raise":
            raise ValueError("no such head")
        self.how = how

    def forward(self, images):
        if self.how == "fail" and self.training:
            raise RuntimeError("no such layer")
        return super().forward(images)
"""


@pytest.mark.parametrize(
    ("arguments", "how", "code", "words"),
    [
        (
            ["checklist", "plan", "design=screen"],
            "hang",
            0,
            "options that cannot be had are not left out: the look at them took 2 s and was ended",
        ),
        (
            ["checklist", "plan", "design=screen"],
            "die",
            0,
            "options that cannot be had are not left out: the process that looked at them was",
        ),
        *(
            pytest.param(*row, marks=pytest.mark.weekly)
            for row in (
                (
                    ["checklist", "plan", "--estimate"],
                    "hang",
                    2,
                    "each trial took more than 2 s and",
                ),
                (["checklist", "plan", "--estimate"], "die", 2, "ended its process (exit code 7)"),
                (["checklist", "plan", "--estimate"], "raise", 2, "no such head"),
                (["tricks", "--on"], "die", 2, "trying each trick ended its process (exit code 7)"),
            )
        ),
    ],
)
def test_what_looks_at_trials_before_never_hangs_and_says_what_it_missed(
    tmp_path: Path, arguments: list[str], how: str, code: int, words: str
) -> None:
    """By `stall_seconds`, of each trial: nothing is left out without a word."""
    (tmp_path / "hangs.py").write_text(HANGS)
    own = ["model=own", "model.build._target_=hangs.Net", f"+model.build.how={how}"]
    only = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
    done = run_command(
        *arguments, *COMMAND_TINY, *own, only, "hydra.launcher.stall_seconds=1", folder=tmp_path
    )
    assert done.returncode == code, done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert "internal error" not in done.stderr


@pytest.mark.weekly
def test_estimate_of_a_trick_that_does_not_apply_takes_no_time(tmp_path: Path) -> None:
    """It ended the estimate of all."""
    (tmp_path / "hangs.py").write_text(HANGS)
    own = ["model=own", "model.build._target_=hangs.Net", "+model.build.how=no"]
    only = "checklist.tricks=[{name: drop_path, section: s, options: ['0', '0.1']}]"
    words = ["checklist", "plan", "--estimate", *COMMAND_TINY, *own, only]
    done = run_command(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "minutes of training" in done.stdout


def test_a_sweep_without_a_baseline_exits_with_one_and_says_so(tmp_path: Path) -> None:
    """First of all, with the user's own error, its file and line, and what finds out more."""
    (tmp_path / "hangs.py").write_text(HANGS)
    own = ["model=own", "model.build._target_=hangs.Net", "+model.build.how=fail"]
    only = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
    words = ["checklist", "run", "--skip-preflight", "-n", "mine", *COMMAND_TINY, *own, only]
    done = run_command(*words, "max_steps=1", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    printed = " ".join(done.stdout.split())
    assert printed.startswith(
        "Nothing was trained: no run has a result (RuntimeError: no such layer"
    )
    assert "hangs.py, line 19" in printed
    assert "The baseline has no result" in printed
    assert "there is nothing to compare with" in printed
    assert "To find out why:" in printed
    assert "darkmagic preflight" in printed
    assert "seeds=" not in printed
    assert "Traceback" not in done.stdout + done.stderr
