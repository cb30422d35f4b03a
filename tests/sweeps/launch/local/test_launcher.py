"""The launcher is a Hydra launcher like any other: Hydra's own suite, and jobs that die."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.test_utils.launcher_common_tests import LauncherTestSuite

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call, Ended
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.trainers.runtime.cores import take_share


def test_plugins_are_found_by_the_scan_of_hydra() -> None:
    """Hydra's scan finds the launcher and the sweeper."""
    found = Plugins.instance().discover(Launcher) + Plugins.instance().discover(Sweeper)
    assert {"LocalLauncher", "ChecklistSweeper"} <= {plugin.__name__ for plugin in found}


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("local", ["hydra.launcher.devices=cpu"])]
)
class TestLocalLauncher(LauncherTestSuite):
    """Hydra's suite for launchers."""


def _answer(value: int) -> int:
    return value * 2


def _die(how: str) -> None:
    if how == "exit":
        sys.exit(4)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError(how)


def _environment() -> tuple[str, int]:
    import torch

    take_share()  # as a recipe does: the server of this process may have been started without torch
    return os.environ["CUDA_VISIBLE_DEVICES"], torch.get_num_threads()


def test_results_are_in_the_order_of_the_calls() -> None:
    """Results are in the order of the calls, those of killed and failed children among them."""
    calls = [Call(_answer, (1,)), Call(_die, ("kill",)), Call(_die, ("exit",)), Call(_answer, (2,))]
    calls.append(Call(_die, ("error",)))
    started: list[int] = []
    ended: dict[int, Ended] = {}
    results = run_calls(
        calls, make_leases("cpu", 2), on_start=started.append, on_end=ended.__setitem__
    )
    assert [result.value for result in results] == [2, None, None, 4, None]
    assert [result.exit_code for result in results] == [0, -9, 4, 0, 1]
    assert results[1].error == "the process was ended by SIGKILL (out of memory?)"
    assert results[2].error == "the process exited with code 4"
    assert started == [0, 1, 2, 3, 4]
    assert set(ended) == {0, 1, 2, 3, 4}


def test_child_on_a_cpu_sees_no_gpu_and_has_its_threads() -> None:
    """A child with a CPU's lease sees no GPU and has the threads of its lease."""
    (lease,) = make_leases("cpu", 1)
    job = fork_server.start(_environment, env=lease.env, threads=lease.threads)
    visible, threads = job.result()
    assert job.exit_code() == 0
    assert visible == ""
    assert threads == len(os.sched_getaffinity(0))


def test_default_on_a_cpu_is_one_trial_a_core() -> None:
    """By default a CPU runs one trial a core, each with one thread."""
    cores = len(os.sched_getaffinity(0))
    leases = make_leases("cpu", None)
    assert len(leases) == cores
    assert {lease.threads for lease in leases} == {1}


@pytest.mark.parametrize("devices", [[99], ["gpu"], [0, 99]])
def test_absent_devices_are_refused_with_those_there_are(devices: list[Any]) -> None:
    """A device that is absent is an error that names the GPUs of the machine."""
    with pytest.raises(UserError, match="the GPUs here are"):
        make_leases(devices, None)


class _Interrupt(BaseException):
    """Stands for Ctrl-C."""


def test_interrupted_pool_ends_its_children(tmp_path: Path) -> None:
    """An interruption ends the running children before it is raised."""
    pids = tmp_path / "pids"
    pids.mkdir()

    def interrupt(index: int) -> None:
        while len(list(pids.iterdir())) <= index:
            pass
        if index == 1:
            raise _Interrupt

    with pytest.raises(_Interrupt):
        run_calls(
            [Call(_sleep, (str(pids),))] * 3,
            make_leases("cpu", 2),
            on_start=interrupt,
            on_end=lambda *_: None,
        )
    started = [int(path.name) for path in pids.iterdir()]
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _sleep(folder: str) -> None:
    import time

    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)
