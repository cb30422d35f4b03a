"""Children that give no answer: each is one exception, and none is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch import devices
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, answer, wait_for


def test_answer_is_what_the_child_returns_and_the_child_ends() -> None:
    """With and without a limit."""
    for seconds in (None, 60.0):
        job = fork_server.start(lambda: 3, env={})
        assert wait_for(job, seconds) == 3
        assert not job.process.is_alive()


@pytest.mark.parametrize(
    ("end", "code"),
    [(lambda: os.kill(os.getpid(), signal.SIGKILL), -9), (lambda: os._exit(4), 4)],
)
def test_child_that_dies_is_told_from_one_that_is_silent(
    end: Callable[[], None], code: int
) -> None:
    """With its exit code; one that sleeps is ended, and what it was is in the line."""
    with pytest.raises(DiedError, match=str(code)):
        wait_for(fork_server.start(end, env={}), 60.0)
    with pytest.raises(UserError, match=rf"^counting ended its process \(exit code {code}\)$"):
        answer(fork_server.start(end, env={}), "counting", 60.0, "wait")
    silent = fork_server.start(time.sleep, 600, env={})
    with pytest.raises(SilentError):
        wait_for(silent, 0.1)
    assert not silent.process.is_alive()


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (lambda: os._exit(9), r"counting the GPUs ended its process \(exit code 9\)"),
        (
            lambda: time.sleep(600),
            r"counting the GPUs took more than 0 s .* does nvidia-smi answer",
        ),
    ],
)
def test_driver_that_kills_or_hangs_is_one_line(
    monkeypatch: pytest.MonkeyPatch, count: Callable[[], int], said: str
) -> None:
    """One that hung was waited for as long as it hangs, and one that died an internal error."""
    monkeypatch.setattr(devices, "_count_gpus", count)
    monkeypatch.setattr(devices, "GPU_SECONDS", 0.4 if "took" in said else 60.0)
    monkeypatch.setattr(fork_server, "preloads_torch", lambda: True)
    with pytest.raises(UserError, match=said):
        devices.resolve_devices("auto")
