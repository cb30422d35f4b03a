"""Children that die, hang or leave others behind: a pool ends each, and retries what may help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from darkmagic.sweeps.launch.devices import Lease, make_leases
from darkmagic.sweeps.launch.jobs.run import retry_of
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call, Ended
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.local.stall import FIRST_SECONDS, LEAST_SECONDS, StallWatch
from darkmagic.sweeps.trial.retry import RETRY_REASON
from darkmagic.trainers.outputs.names import EVENTS

ONE = [Lease("cpu", 1)]


def _die_once(folder: str, how: str) -> str:
    """Die in the way `how` the first time; the second, return why it is the second."""
    before = Path(folder) / "died"
    if not before.exists():
        before.touch()
        if how.isdecimal():
            os._exit(int(how))
        os.kill(os.getpid(), getattr(signal, how))
    return os.environ[RETRY_REASON]


def _run(call: Call, **options: object) -> Ended:
    settings = {"on_start": lambda _: None, "on_end": lambda *_: None, "retry": retry_of, **options}
    (ended,) = run_calls([call], ONE, **settings)  # type: ignore[arg-type]
    return ended


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("3", "trained again: the process exited with code 3, which cost "),
        ("SIGKILL", "trained again, alone: the process was ended by SIGKILL (out of memory?), "),
        ("SIGSEGV", "trained again: the process was ended by SIGSEGV, which cost "),
        ("SIGABRT", "trained again: the process was ended by SIGABRT, which cost "),
        ("SIGTERM", "trained again: the process was ended by SIGTERM, which cost "),
    ],
)
def test_a_call_whose_process_died_is_made_again(tmp_path: Path, how: str, words: str) -> None:
    """Once by default, whatever ended it, and it is told why."""
    assert str(_run(Call(_die_once, (str(tmp_path), how))).value).startswith(words)


def _die(note: str) -> None:
    with Path(note).open("a") as file:
        file.write("x")
    os._exit(4)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_call_that_always_dies_ends_after_its_retries(tmp_path: Path, retries: int) -> None:
    """As many as are asked for, and its error says that there were some."""
    ended = _run(Call(_die, (str(tmp_path / "note"),)), retries=retries)
    assert (tmp_path / "note").read_text() == "x" * (retries + 1)
    also = ", also when trained again" if retries else ""
    assert ended.error == f"the process exited with code 4{also}"


def _hang(log: str) -> None:
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    time.sleep(600)


def test_a_call_that_stalls_is_ended_and_its_stacks_are_logged(tmp_path: Path) -> None:
    """It is not made again, and the log shows where it hung."""
    log = tmp_path / "log.txt"

    def stalled(_: int, __: float) -> str | None:
        return "no progress for 7 s" if log.exists() else None

    ended = _run(Call(_hang, (str(log),)), stalled=stalled)
    assert ended.stalled
    assert ended.error == "no progress for 7 s"
    assert "in _hang" in log.read_text()


WITH_A_DEATH = """
import os, signal, sys, threading, time
from multiprocessing import forkserver
from pathlib import Path
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call
from darkmagic.sweeps.launch.local.pool import run_calls

def square(number, go_on):
    while not go_on.exists():
        time.sleep(0.02)
    return number**2

def kill(*_):
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    Path("go_on").touch()

fork_server.warm_up(torch=False)
if sys.argv[1] == "starts":
    kill()
started = {"runs": lambda index: kill() if index == 1 else None}.get(sys.argv[1], lambda _: None)
calls = [Call(square, (number, Path("go_on"))) for number in range(5)]
ends = run_calls(calls, make_leases("cpu", 2), on_start=started, on_end=lambda *_: None)
print([(end.value, end.error, end.exit_code) for end in ends])
"""
"""A program whose fork server is killed while it starts, or while two of five calls run."""


def _run_program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "main.py", *words]
    return subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize("when", ["starts", "runs"])
def test_a_fork_server_that_is_killed_costs_no_call(tmp_path: Path, when: str) -> None:
    """Another is started, and what its children return counts; they were failures."""
    (tmp_path / "main.py").write_text(WITH_A_DEATH)
    done = _run_program(tmp_path, when)
    assert done.stdout.strip() == str([(n**2, None, 0) for n in range(5)]), done.stderr


def test_a_fork_server_that_cannot_start_is_one_error(tmp_path: Path) -> None:
    """As with a variable that breaks Python itself; it was a `BrokenPipeError` of ours."""
    (tmp_path / "go_on").touch()
    start = "import os, sys; os.environ['PYTHONHOME'] = '/nowhere'; sys.argv[1:] = ['']\n"
    (tmp_path / "main.py").write_text(start + WITH_A_DEATH)
    done = _run_program(tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert "the process that trials are forked from ended each time it was started" in last
    assert "No module named 'encodings'" in done.stderr


def _leave_behind(note: str, dies: bool) -> None:
    child = subprocess.Popen(["sleep", "600"])
    Path(note).write_text(str(child.pid))
    if dies:
        os._exit(1)


@pytest.mark.parametrize("dies", [False, True])
def test_what_a_child_leaves_behind_is_ended_with_it(tmp_path: Path, *, dies: bool) -> None:
    """Whether the child died or returned."""
    note = tmp_path / "pid"
    _run(Call(_leave_behind, (str(note), dies)), retries=0)
    grandchild = int(note.read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{grandchild}").exists() and time.monotonic() < deadline:
        if "Z" in Path(f"/proc/{grandchild}/stat").read_text().rpartition(")")[2][:3]:
            break  # dead, and init has not yet asked for it
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{grandchild}").exists()


def _leave_a_thread() -> str:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "done"


def test_thread_that_outlives_its_call_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python waits for such a thread at its end; what the call returned counts."""
    monkeypatch.setattr(fork_server, "SECONDS_TO_LEAVE", 1.0)
    ended = _run(Call(_leave_a_thread, ()), retries=0)
    assert (ended.value, ended.error) == ("done", None)


def _fail(ended: Ended) -> bool:
    return ended.value == "bad"


def _say(word: str) -> str:
    time.sleep(0.2)
    return word


def test_the_last_call_ends_those_that_run_and_wait() -> None:
    """What was not made says so."""
    calls = [Call(_say, (word,)) for word in ("good", "bad", "good", "good", "good")]
    ends: list[int] = []
    results = run_calls(
        calls,
        make_leases("cpu", 1),
        on_start=lambda _: None,
        on_end=lambda index, _: ends.append(index),
        is_last=_fail,
    )
    assert ends == [0, 1]
    assert [result.value for result in results] == ["good", "bad", None, None, None]
    assert {result.error for result in results[2:]} == {"it was not run: an earlier one failed"}


@pytest.mark.parametrize("ahead", [0.0, -7200.0, 7200.0])
@pytest.mark.parametrize(
    ("limit", "signs", "silent", "ended"),
    [
        (10, [], 9, False),
        (10, [], 11, True),
        (10, [5, 5], 11, True),
        (None, [5], 10**6, False),
        ("auto", [], FIRST_SECONDS - 1, False),
        ("auto", [], FIRST_SECONDS + 1, True),
        ("auto", [2], FIRST_SECONDS - 1, False),  # the start alone is no pace
        ("auto", [2, 2], LEAST_SECONDS - 1, False),
        ("auto", [2, 2], LEAST_SECONDS + 1, True),
        ("auto", [2, 100, 5], 999, False),  # ten times its longest silence
        ("auto", [2, 100, 5], 1001, True),
    ],
)
def test_a_trial_has_as_long_as_its_own_pace_gives_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: float | str | None,
    signs: list[float],
    silent: float,
    ahead: float,
    *,
    ended: bool,
) -> None:
    """By the times at which its events were touched, whatever the clock of who keeps the file."""
    now = [1e9]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = StallWatch([tmp_path], limit)
    (tmp_path / EVENTS).touch()
    before = now[0] - 5000 + ahead  # of a run before
    os.utime(tmp_path / EVENTS, (before, before))
    began = now[0]
    assert watch.stalled(0, began) is None
    for after in signs:
        now[0] += after
        os.utime(tmp_path / EVENTS, (now[0] + ahead, now[0] + ahead))
        assert watch.stalled(0, began) is None
    now[0] += silent
    reason = watch.stalled(0, began)
    assert watch.stalled(0, now[0]) is None  # a run that begins only now
    said = f"no progress for {silent:.0f} s (hydra.launcher.stall_seconds=N allows N s)"
    assert reason == (said if ended else None)


def test_a_job_without_events_is_never_judged(tmp_path: Path) -> None:
    """As that of another Hydra application."""
    assert StallWatch([tmp_path], 0.0).stalled(0, 0.0) is None
