"""Sweeps that are interrupted or killed: real signals, real children."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commanding import FIVE, TINY, command, run_command


def _children(pid: int) -> set[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    found = {int(child) for child in path.read_text().split()} if path.exists() else set()
    return found | {pid for child in found for pid in _children(child)}


def test_interrupted_run_ends_its_children_and_continues(tmp_path: Path) -> None:
    """Ctrl-C ends the children and prints the command to continue, which finishes the rest."""
    arguments = [
        "checklist",
        "run",
        *TINY,
        "--skip-preflight",
        "epochs=4",
        "dataset.source.count=300",
        FIVE,
    ]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"}
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # jobs in the background ignore it
        os.chdir(tmp_path)
        os.execve(sys.executable, command(*arguments), env)
    output, seen = "", set()
    deadline = time.monotonic() + 150
    interrupted = False
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                output += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
        seen |= _children(pid)
        if not interrupted and list(tmp_path.rglob("result.json")):
            os.write(terminal, b"\x03")
            interrupted = True
    _, status = os.waitpid(pid, 0)
    assert interrupted
    assert os.waitstatus_to_exitcode(status) == 130
    assert "To go on: darkmagic checklist run" in output
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h")  # the cursor is back
    assert not _still_alive(seen)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(done) < 5
    again = run_command(*arguments, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(list(tmp_path.rglob("result.json"))) == 5
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert re.search(rf"{len(done)} trials? needs? no training", again.stderr)


@pytest.mark.weekly
def test_children_of_a_killed_run_end(tmp_path: Path) -> None:
    """The children of a run that is killed end by themselves, those of its preflight too."""
    arguments = ["checklist", "run", *TINY, "epochs=200", "dataset.source.count=600"]
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen: set[int] = set()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.rglob("checkpoint.pt")):
        seen |= _children(process.pid)
        time.sleep(0.1)
    seen |= _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(seen) >= 3
    assert not _still_alive(seen)


def _still_alive(pids: set[int], patience: float = 10) -> set[int]:
    """Return those of `pids` that have not ended within `patience` seconds."""
    deadline = time.monotonic() + patience
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return {pid for pid in pids if _alive(pid)}


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False
