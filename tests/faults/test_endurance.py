"""Sweeps that are killed again and again, and pools that run for long.

Weekly, by one command:

    pytest -n 0 -s -m weekly tests/faults/test_endurance.py

`DARKMAGIC_KILLS` and `DARKMAGIC_TRIALS` say how many of each.
"""

from __future__ import annotations

import contextlib
import operator
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from commanding import TINY, command
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local.calls import Call
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.orchestrate.report import load_report

KILLS = int(os.environ.get("DARKMAGIC_KILLS", "25"))
OF_ONE = 5
"""Kills of one sweep at most, so that stores are made and tables compared several times."""
TRIALS = int(os.environ.get("DARKMAGIC_TRIALS", "2000"))
SWEEP = [
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    *("epochs=4", "seeds=2", "model.build.width=4", "--skip-preflight", "-n", "mine"),
]


def _table(folder: Path) -> dict[str, dict[int, float]]:
    rows = load_report(f"sqlite:///{folder}/runs/mlflow.db", "mine").comparison.rows
    return {row.name: dict(row.accuracies) for row in rows}


def _sweep(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    words = command("checklist", "run", *TINY, *SWEEP, *more)
    with (folder / "printed.txt").open("ab") as printed:
        return subprocess.Popen(words, cwd=folder, stdout=printed, stderr=printed)


@pytest.mark.weekly
@pytest.mark.timeout(0)
def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """The table of a sweep that was killed over and over equals an undisturbed one's, bit for bit.

    Moments are drawn from the whole of a run, start-up and the making of MLflow's tables among
    them. A run that ends before its kill, or whose sweep was killed often, makes place for a new
    sweep, whose store is made anew.
    """
    began = time.monotonic()
    assert _sweep(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - began
    expected = _table(tmp_path / "whole")
    draw, kills, sweeps = random.Random(0), 0, 0
    while kills < KILLS:
        sweeps, last = sweeps + 1, min(kills + OF_ONE, KILLS)
        folder = tmp_path / f"sweep{sweeps}"
        while True:
            process = _sweep(folder)
            moment = draw.uniform(0.1, 1.0) * seconds
            try:
                code = process.wait(moment if kills < last else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"kill {kills} of sweep {sweeps} after {moment:.1f} s", flush=True)
                continue
            assert code == 0, (folder / "printed.txt").read_text()
            break
        assert _table(folder) == expected
        assert "internal error" not in (folder / "printed.txt").read_text()
        assert not list(folder.rglob("*.damaged*"))
    print(f"{kills} kills of {sweeps} sweeps")


def _resources(pid: int) -> dict[str, int]:
    """Return what a process holds: memory in KiB, descriptors, threads, child processes."""
    process = Path(f"/proc/{pid}")
    memory = re.findall(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    children = (process / "task" / str(pid) / "children").read_text().split()
    return {
        "memory": int(memory[0]),
        "descriptors": len(list((process / "fd").iterdir())),
        "threads": len(list((process / "task").iterdir())),
        "processes": len(children),
    }


def _check_flat(early: dict[str, int], late: dict[str, int], kib_a_trial: float) -> None:
    """Raise if the later has more; some memory a trial is of results, which are kept."""
    print(early, late)
    for name in ("descriptors", "threads", "processes"):
        assert late[name] <= early[name] + 4, (name, early, late)
    assert late["memory"] < early["memory"] + 10 * 1024 + kib_a_trial * TRIALS, (early, late)


@pytest.mark.weekly
@pytest.mark.timeout(0)
def test_many_trials_keep_resources_flat() -> None:
    """Memory, descriptors, threads and processes are after the last trial what they were early.

    Each trial is a process of the pool that trains sweeps, and does next to nothing.
    """
    ends, seen = 0, list[dict[str, int]]()

    def on_end(*_: object) -> None:
        nonlocal ends
        ends += 1
        if ends % max(1, TRIALS // 20) == 0:
            seen.append(_resources(os.getpid()))

    calls = [Call(operator.pos, (number,)) for number in range(TRIALS)]
    results = run_calls(calls, make_leases("cpu", 2), on_start=lambda _: None, on_end=on_end)
    assert [result.value for result in results] == list(range(TRIALS))
    _check_flat(seen[1], seen[-1], kib_a_trial=2)


@pytest.mark.weekly
@pytest.mark.timeout(0)
def test_a_sweep_of_many_trials_keeps_resources_flat(tmp_path: Path) -> None:
    """The command itself, with all it has: MLflow, followed trials, progress, table and report.

    Each trial trains one step of eight images. It is looked at with a tenth of the trials done, and
    each time that a twentieth more are.
    """
    seeds = TRIALS // 2  # of the baseline and one trick
    process = _sweep(tmp_path, f"seeds={seeds}", "baseline_repeats=1", "epochs=1", "max_steps=1")
    seen: list[dict[str, int]] = []
    began = time.monotonic()
    while process.poll() is None:
        done = len(list((tmp_path / "runs" / "mine").glob("*/result.json")))
        if done >= TRIALS // 10 + len(seen) * TRIALS // 20 and done < TRIALS:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                seen.append(_resources(process.pid))
        time.sleep(0.5)
    assert process.returncode == 0, (tmp_path / "printed.txt").read_text()[-2000:]
    rows = load_report(f"sqlite:///{tmp_path}/runs/mlflow.db", "mine").comparison.rows
    assert sum(sum(row.statuses.values()) for row in rows) == TRIALS
    print(f"{TRIALS} trials in {time.monotonic() - began:.0f} s")
    _check_flat(seen[0], seen[-1], kib_a_trial=40)
