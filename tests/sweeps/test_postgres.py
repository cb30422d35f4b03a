"""Tracking to a real PostgreSQL server, which the test starts on loopback and stops."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.records import Status
from darkmagic.sweeps.fields import CHECKLIST, STATUS, result_metrics, trial_tags
from darkmagic.sweeps.reporting import load_report
from darkmagic.sweeps.tracking import Tracker


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name)


@pytest.fixture
def postgres() -> Iterator[str]:
    """Return the URI of an empty database. PostgreSQL does not run as root: drop to its user."""
    initdb, ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or ctl is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="darkmagic-pg-"))
    user = "postgres" if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(*words: str) -> None:
        subprocess.run(
            words, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60
        )

    call(initdb, "-D", f"{folder}/data", "-U", "postgres", "-A", "trust")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    call(ctl, "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        call(ctl, "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def test_a_sweep_is_tracked_and_read_back(postgres: str) -> None:
    """Parent, trials and metrics through the same writer, and the report from there."""
    checklist = Checklist("c", (Trick("mixup", "regularisation", ("off", "on")),))
    tracker = Tracker(postgres, "pg", None)
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(checklist)})
    for option, accuracy in ((None, 0.9), ("on", 0.95)):
        trick = None if option is None else "mixup"
        tags = trial_tags(Trial(trick, option, "regularisation", 0), f"id-{option}")
        run = tracker.open_trial({}, parent, str(option), tags, {"epochs": "1"})
        for step in range(1, 300):
            run.add_metrics({"val_accuracy": accuracy}, when=time.time(), step=step)
        run.add_metrics(result_metrics({"val_accuracy": accuracy}), when=time.time(), step=0)
        run.tags[STATUS] = Status.FINISHED
        run.ends_as = "FINISHED"
    assert tracker.flush(now=True), tracker.problem
    baseline, mixup = load_report(postgres, "pg").comparison.rows
    assert baseline.accuracy == pytest.approx(90)
    assert mixup.difference == pytest.approx(5)
