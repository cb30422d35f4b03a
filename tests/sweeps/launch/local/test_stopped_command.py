"""A command that is stopped, as by Ctrl-Z: nothing of it goes on beside who took its sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.jobs.held import Held, check_held, held_here, holding
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.orchestrate.hold import HELD, hold_experiment
from machines import until

ONE = "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]}]"


def _take(path: Path) -> Holder:
    """Write another holder to the file, as one of another machine does."""
    other = replace(Holder.this_process(), host="elsewhere", machine="another", pid=1)
    part = path.with_name("part")
    part.write_text(json.dumps(asdict(other)))
    part.replace(path)
    return other


def test_what_a_process_holds_is_known_until_another_takes_it(tmp_path: Path) -> None:
    """What it starts is told; the error names the successor, and a file that is gone is none."""
    with hold_experiment(tmp_path / "mine"):
        (held,) = held_here()
        assert held.path == tmp_path / "mine" / HELD
        check_held()
        assert held.taken() is None
        _take(held.path)
        with pytest.raises(UserError, match="experiment 'mine' is being trained by process 1 on"):
            check_held()
        held.path.unlink()
        assert held.taken() is None
    assert held_here() == ()


def test_holds_within_holds_end_each_for_itself(tmp_path: Path) -> None:
    """A retuned sweep holds a second experiment inside the first."""
    ours = Holder.this_process()
    with holding({tmp_path / "a": "a"}, ours):
        with holding({tmp_path / "b": "b"}, ours):
            assert [each.name for each in held_here()] == ["a", "b"]
        assert held_here() == (Held(tmp_path / "a", "a", ours),)


@pytest.mark.weekly
def test_trials_and_command_leave_off_for_the_successor(tmp_path: Path) -> None:
    """Trials end while their command is stopped; continued, it starts and records nothing more."""
    words = ["checklist", "run", "dataset=tiny", "epochs=100000", "-n", "e", "--skip-preflight"]
    words += ["hydra.launcher.devices=cpu", "runtime.device=cpu", "hydra.launcher.retries=3", ONE]
    command = subprocess.Popen(
        [sys.executable, "-m", "darkmagic.cli", *words],
        cwd=tmp_path,
        env={**os.environ, "DARKMAGIC_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    folder = tmp_path / "runs" / "e"

    def events() -> list[Path]:
        return [path for path in folder.glob("*/events.jsonl") if b'"epoch"' in path.read_bytes()]

    try:
        until(events, 200)
        os.kill(command.pid, signal.SIGSTOP)
        _take(folder / HELD)
        sizes: dict[Path, int] = {}

        def quiet() -> bool:
            before = dict(sizes)
            sizes.update({path: path.stat().st_size for path in folder.glob("*/events.jsonl")})
            time.sleep(3)
            return before == sizes

        until(quiet, 60)
        os.kill(command.pid, signal.SIGCONT)
        output, _ = command.communicate(timeout=120)
    finally:
        command.kill()
    assert command.returncode == 2, output
    assert "experiment 'e' is being trained by process 1 on elsewhere" in output
    assert not list(folder.glob("*/result.json"))
    assert {path: path.stat().st_size for path in sizes} == sizes
    assert json.loads((folder / HELD).read_text())["host"] == "elsewhere"
