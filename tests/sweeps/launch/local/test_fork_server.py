"""What a child of the fork server imports of the process that asked for it."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.torch_needed import pays_with_torch


@pytest.mark.parametrize("way", ["python -m darkmagic.cli", "darkmagic"])
def test_child_of_our_command_does_not_import_the_command_line(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the two ways to start it is imported anew in each trial."""
    main = ModuleType("__main__")
    if way == "darkmagic":
        main.__file__ = str(Path(sys.executable).with_name("darkmagic"))
    else:
        main.__spec__ = importlib.util.find_spec("darkmagic.cli.__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    job = fork_server.start(lambda: "darkmagic.cli.main" in sys.modules, env={})
    assert job.result() is False
    assert job.exit_code() == 0
    assert sys.modules["__main__"] is main


def test_child_of_a_script_does_not_run_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that trains without a guard would train in each child again."""
    script = tmp_path / "mine.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    job = fork_server.start(lambda: 3, env={})
    assert job.result() == 3
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "pays"),
    [
        ("import torch\n", True),
        ("def main():\n    import torch.nn as nn\n", True),
        ("from torch import nn\n", True),
        ("import numpy  # import torch\n", False),
        ("print('import torch')\n", False),
        (None, False),
    ],
)
def test_torch_is_imported_before_the_fork_for_a_script_that_names_it(
    text: str | None, pays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only its jobs import it, each of which would take the seconds anew."""
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "app.py")
    if text is not None:
        (tmp_path / "app.py").write_text(text)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert pays_with_torch({}) is pays


def test_killed_child_leaves_nothing_that_left_its_process_group(tmp_path: Path) -> None:
    """A script's own children, in a session of their own and of no parent any more, end with it."""
    file = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {file}.new; mv {file}.new {file}; wait"

    def start_and_wait() -> None:
        subprocess.Popen(["bash", "-c", script], start_new_session=True)
        time.sleep(60)

    job = fork_server.start(start_and_wait, env={})
    while not file.exists():
        time.sleep(0.01)
    pid = int(file.read_text())
    assert job.process.pid is not None
    os.kill(job.process.pid, signal.SIGKILL)
    assert job.exit_code() == -signal.SIGKILL
    os.kill(pid, 0)
    job.end_group()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
