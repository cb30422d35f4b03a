"""Systems that we do not train on: what can work does, and the rest is one line.

There is no Windows and no Mac here. A process that lacks what they lack stands for them: it has no
`fork`, none of the signals and none of the modules that its system does not have.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkmagic.sweeps.launch.jobs import holder
from darkmagic.trainers.runtime.cores import usable_cores
from darkmagic.trainers.runtime.memory import total_memory_bytes
from darkmagic.trainers.runtime.peak import peak_bytes_of_children, peak_bytes_of_process

WINDOWS = """
import multiprocessing, multiprocessing.context, os, signal, sys
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGCHLD", "pthread_kill"):
    delattr(signal, name)
for name in ("fork", "killpg", "sched_getaffinity", "getuid", "setsid"):
    delattr(os, name)
for name in ("resource", "termios", "pwd", "grp"):  # filelock has its own in place of fcntl
    sys.modules[name] = None
for name in ("ForkServerContext", "ForkServerProcess", "ForkContext", "ForkProcess"):
    delattr(multiprocessing.context, name)
for name in ("fork", "forkserver"):
    del multiprocessing.context._concrete_contexts[name]
multiprocessing.get_all_start_methods = lambda: ["spawn"]
from darkmagic.cli.main import main
sys.argv = ["darkmagic", *sys.argv[1:]]
main()
"""


def _on_windows(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WINDOWS, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DARKMAGIC_CACHE": str(folder)},
    )


WEEKLY = pytest.mark.weekly


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "Which training tricks"),
        pytest.param(["checklist", "list"], 0, "mixup", marks=WEEKLY),
        pytest.param(
            ["checklist", "plan", "seeds=2"], 0, "15 trials x 2 seeds", marks=pytest.mark.weekly
        ),
        (["judge", "runs.csv", "-m", "acc", "-b", "base"], 0, "more"),
        (["report"], 2, "no tracking store"),
        (["checklist", "run", "epochs=1"], 2, "on Windows, run darkmagic in WSL 2"),
        pytest.param(
            ["train", "epochs=1"], 2, "on Windows, run darkmagic in WSL 2", marks=pytest.mark.weekly
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_windows_reads_and_says_that_it_does_not_train(
    words: list[str], code: int, said: str, tmp_path: Path
) -> None:
    """Commands that read work without `fork`; those that train say so in one line, and exit 2."""
    runs = ["base,0,0.5", "base,1,0.6", "more,0,0.7", "more,1,0.8"]
    (tmp_path / "runs.csv").write_text("\n".join(["trial,seed,acc", *runs]))
    done = _on_windows(tmp_path, *words)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "bug of darkmagic" not in done.stderr
    if code:
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "runs").exists()


def test_memory_is_bytes_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak of a process is in kilobytes on Linux and in bytes on macOS; Windows says none."""
    here = peak_bytes_of_process()
    total = total_memory_bytes(torch.device("cpu"))
    assert total is not None
    assert 20_000_000 < here < total
    subprocess.run([sys.executable, "-c", "bytearray(80_000_000)"], check=True)
    assert 80_000_000 < peak_bytes_of_children() < total
    monkeypatch.setattr(sys, "platform", "darwin")
    assert 900 < here / peak_bytes_of_process() < 1100
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_bytes_of_process() == peak_bytes_of_children() == 0


def test_cores_are_counted_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not say which cores a process may use, they are all there are."""
    assert usable_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == os.cpu_count()


def test_start_of_a_process_is_known_without_proc() -> None:
    """`ps` tells a process from another that has its number, as `/proc` does where it is."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert holder._started(child.pid) == holder._started(child.pid) != ""
        child.communicate(b"\n")
    assert holder._started(child.pid) == ""
    assert holder._started(os.getpid())
