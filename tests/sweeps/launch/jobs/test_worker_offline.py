"""A worker on a machine without any network: the shared folder is all that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from machines import TWO, start_worker, until
from sweeping import run

APART = ("unshare", "--map-root-user", "--net")
"""Runs a command where there is no network, loopback neither."""


def _can_part() -> bool:
    if shutil.which(APART[0]) is None:
        return False
    return subprocess.run([*APART, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.weekly
@pytest.mark.timeout(300)
@pytest.mark.skipif(not _can_part(), reason="no network can be taken away here (unshare --net)")
def test_worker_without_a_network_trains_all(tmp_path: Path) -> None:
    """Nor is there MLflow: what it sees of the sweep is the folder, as a compute node does."""
    words = ["epochs=1", TWO, "runtime.experiment=e", "hydra/launcher=worker"]
    folder = tmp_path / "shared"
    folder.mkdir()
    reach = "import socket; socket.create_connection(('127.0.0.1', 9))"
    tried = subprocess.run(
        [*APART, sys.executable, "-c", reach], capture_output=True, text=True, check=False
    )
    assert "Network is unreachable" in tried.stderr
    outcome = []
    sweep = threading.Thread(target=lambda: outcome.append(run(folder, words, launcher=False)))
    sweep.start()
    until((folder / "e" / ".jobs" / "order.json").exists)
    worker = start_worker(folder, "--idle", "10", prefix=APART)
    sweep.join(timeout=250)
    output, _ = worker.communicate(timeout=60)
    assert outcome, output
    records = outcome[0].outcome.records
    assert [str(record.status) for record in records] == ["finished"] * 2
