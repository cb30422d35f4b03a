"""A worker that is stopped, as by Ctrl-Z: what it started leaves off before another has the job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from machines import until

WRITES = """
import os, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    log = Path(HydraConfig.get().runtime.output_dir) / "log"
    for _ in range(60):
        with log.open("a") as file:
            file.write(f"{os.environ['WORKER']}\\n")
        time.sleep(0.2)

main()
"""
"""A job of twelve seconds, which says all the time who runs it."""
ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Before a command: its processes are numbered apart, as those of another machine are."""


def _can_be_elsewhere() -> bool:
    try:
        return (
            subprocess.run([*ELSEWHERE, "true"], check=False, capture_output=True).returncode == 0
        )
    except FileNotFoundError:
        return False


def _worker(folder: Path, name: str) -> subprocess.Popen[str]:
    words = ["worker", "--out", str(folder), "--devices", "cpu", "--trials-per-device", "1"]
    return subprocess.Popen(
        [*ELSEWHERE, sys.executable, "-m", "darkmagic.cli", *words],
        env={**os.environ, "WORKER": name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.weekly
@pytest.mark.skipif(not _can_be_elsewhere(), reason="unshare --pid is not allowed here")
def test_job_of_a_stopped_worker_is_never_run_twice_at_once(tmp_path: Path) -> None:
    """The other machine's worker begins when the first one's process has left; all ends well."""
    (tmp_path / "app.py").write_text(WRITES)
    folder = tmp_path / "m"
    words = ["-m", "hydra/launcher=worker", "hydra.launcher.lease_seconds=8", "+x=1"]
    app = subprocess.Popen(
        [sys.executable, "app.py", *words, f"hydra.sweep.dir={folder}"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    workers = []
    try:
        until((folder / ".jobs" / "order.json").exists)
        workers.append(_worker(tmp_path, "first"))
        until((folder / "0" / "log").exists)
        workers.append(_worker(tmp_path, "second"))
        stopped = _child_of(workers[0].pid)
        os.kill(stopped, signal.SIGSTOP)
        until(lambda: "second" in (folder / "0" / "log").read_text())
        os.kill(stopped, signal.SIGCONT)
        output, _ = app.communicate(timeout=120)
    finally:
        app.kill()
        for worker in workers:
            worker.terminate()
            worker.kill()
        said = [worker.communicate(timeout=60)[0] for worker in workers]
    assert app.returncode == 0, output
    lines = (folder / "0" / "log").read_text().split()
    assert lines == ["first"] * (len(lines) - 60) + ["second"] * 60, said
    assert "another worker has it" in said[0]
