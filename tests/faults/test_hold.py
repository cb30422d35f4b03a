"""Two orchestrators on one experiment: the second says who holds it, and the dead hold nothing."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.orchestrate.hold import (
    HELD,
    SILENT_SECONDS,
    check_free,
    hold_experiment,
    hold_trials,
)

HOLDER = """
import sys, time
from pathlib import Path
from darkmagic.sweeps.orchestrate.hold import hold_experiment
with hold_experiment(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_holder_is_told_who_the_first_is_until_it_is_killed(tmp_path: Path) -> None:
    """The message has host, process and time; a holder that was killed is replaced at once."""
    folder = tmp_path / "mine"
    process = _holder(folder)
    try:
        for attempt in (check_free, lambda path: hold_experiment(path).__enter__()):
            with pytest.raises(UserError) as error:
                attempt(folder)
            for word in ("'mine'", str(process.pid), platform.node(), time.strftime("%Y-"), "-n"):
                assert word in str(error.value)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    check_free(folder)
    with hold_experiment(folder):
        assert json.loads((folder / HELD).read_text())["pid"] == os.getpid()
    assert not (folder / HELD).exists()


def test_of_many_at_once_one_holds(tmp_path: Path) -> None:
    """Of eight processes that start together exactly one gets the experiment."""
    code = HOLDER.replace("time.sleep(60)", "time.sleep(4)")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "e")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(8)
    ]
    output = [process.communicate(timeout=60)[0] for process in started]
    assert output.count("held\n") == 1


@pytest.mark.parametrize(("silent", "held"), [(0, True), (SILENT_SECONDS + 5, False)])
def test_holder_of_another_machine_counts_while_it_renews(
    tmp_path: Path, silent: float, *, held: bool
) -> None:
    """A holder elsewhere is alive while its file's time moves, whatever its number is here."""
    with hold_experiment(tmp_path):
        content = json.loads((tmp_path / HELD).read_text())
    content |= {"host": "node7", "machine": "another", "pid": os.getpid()}
    (tmp_path / HELD).write_text(json.dumps(content))
    then = time.time() - silent
    os.utime(tmp_path / HELD, (then, then))
    if held:
        with pytest.raises(UserError, match="node7"), hold_experiment(tmp_path):
            pass
    else:
        with hold_experiment(tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', "\x00\xff"])
def test_damaged_file_holds_nothing(tmp_path: Path, content: str) -> None:
    """A file that names no holder is replaced."""
    (tmp_path / HELD).write_text(content)
    with hold_experiment(tmp_path):
        pass


def test_number_that_was_given_again_holds_nothing(tmp_path: Path) -> None:
    """A process that has the number of the dead holder is not taken for it."""
    with hold_experiment(tmp_path):
        content = json.loads((tmp_path / HELD).read_text())
    (tmp_path / HELD).write_text(json.dumps({**content, "pid": 1}))
    with hold_experiment(tmp_path):
        pass


def test_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    """An experiment whose name a file has is an error of the user's."""
    (tmp_path / "runs").touch()
    for folder in (tmp_path / "runs", tmp_path / "runs" / "mine"):
        with (
            pytest.raises(UserError, match="there is a file of that name"),
            hold_experiment(folder),
        ):
            pass


def test_single_trials_are_held_each_by_itself(tmp_path: Path) -> None:
    """Other trials may train beside one that is held; the same one may not."""
    with hold_trials([tmp_path / "a", tmp_path / "b"]):
        with hold_trials([tmp_path / "c"]):
            pass
        with pytest.raises(UserError, match="is being trained by"), hold_trials([tmp_path / "a"]):
            pass
