"""Trials that share a device and are spoilt by their neighbours get it to themselves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch
from hydra.core.utils import JobReturn, JobStatus

from darkmagic.sweeps import api
from darkmagic.sweeps.launch.devices import Lease, make_leases
from darkmagic.sweeps.launch.jobs.run import retry_of
from darkmagic.sweeps.launch.local.calls import Call, Ended, Retry
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.progress import SilentProgress
from darkmagic.sweeps.trial.retry import RETRY_REASON
from sweeping import TINY, own_config


def _crowded(folder: str, name: str) -> str | None:
    """Say why it is run again, or None where it is not, and how many ran beside it."""
    here = Path(folder) / name
    here.touch()
    time.sleep(0.3)
    beside = len(list(Path(folder).glob("*"))) - 1
    here.unlink()
    return None if RETRY_REASON not in os.environ else f"{beside} {os.environ[RETRY_REASON]}"


def _if_crowded(ended: Ended) -> Retry | None:
    return Retry("out of memory", blames_neighbours=True) if ended.value is None else None


def _mode() -> str:
    """Return how the call was made: the first time without a word."""
    return f"{os.environ.get('MODE', 'plain')}; {os.environ.get(RETRY_REASON, '')}"


def test_a_call_that_spoilt_its_process_is_made_again_at_once_and_otherwise() -> None:
    """With another environment, before those that wait, once, and started once for who looks."""
    starts: list[int] = []
    order: list[int] = []
    results = run_calls(
        [Call(_mode, ()) for _ in range(3)],
        make_leases("cpu", 1),
        on_start=starts.append,
        on_end=lambda index, _: order.append(index),
        retry=lambda _: Retry("the capture failed", alone=False, env={"MODE": "careful"}),
    )
    assert starts == order == [0, 1, 2]
    for result in results:
        words = "careful; trained again: the capture failed, which cost "
        assert result.value.startswith(words)


def test_calls_are_asked_for_when_there_is_room_and_ended_when_not_needed() -> None:
    """A feed is asked for a call a free lease, after each end; one that is not needed is ended."""
    told: list[str] = []
    waiting = [Call(_mode, ()), Call(time.sleep, (600.0,)), Call(_mode, ())]

    def more() -> Call | None:
        told.append("asked")
        return waiting.pop(0) if waiting else None

    results = run_calls(
        [],
        make_leases("cpu", 1),
        on_start=lambda index: told.append(f"start {index}"),
        on_end=lambda index, _: told.append(f"end {index}"),
        retry=lambda _: None,
        unneeded=lambda index: "far behind" if index == 1 else None,
        stalled=lambda *_: None,
        more=more,
    )
    starts = [each for each in told if each != "asked"]
    assert starts == ["start 0", "end 0", "start 1", "end 1", "start 2", "end 2"]
    assert [result.error for result in results] == [None, "far behind", None]
    assert results[1].unneeded
    assert retry_of(results[1]) is None


def test_call_that_failed_beside_others_is_retried_alone(tmp_path: Path) -> None:
    """A call with a retry reason is made again after all others, alone, and ends once."""
    calls = [Call(_crowded, (str(tmp_path), str(i))) for i in range(3)]
    starts: list[int] = []
    ends: list[int] = []
    results = run_calls(
        calls,
        make_leases("cpu", 2),
        on_start=starts.append,
        on_end=lambda index, _: ends.append(index),
        retry=_if_crowded,
    )
    assert starts == [0, 1, 2]
    assert sorted(ends) == [0, 1, 2]
    for result in results:
        words = "0 trained again, alone: out of memory beside up to 1 others, which cost "
        assert str(result.value).startswith(words)


def test_call_alone_on_its_device_is_not_retried(tmp_path: Path) -> None:
    """A call that has its device to itself is not made again."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    calls = [Call(_crowded, (str(folder), "x")) for folder in folders]
    leases = [Lease("", 1), Lease("cpu", 1)]
    results = run_calls(
        calls, leases, on_start=lambda _: None, on_end=lambda *_: None, retry=_if_crowded
    )
    assert [result.value for result in results] == [None, None]


def _among(trials: int) -> dict[str, str]:
    return {"SHARED_BY": str(trials)}


def _shared_by(seconds: float) -> int:
    time.sleep(seconds)
    return int(os.environ["SHARED_BY"])


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [
        ([0.0], [1]),
        ([0.0, 0.0], [2, 2]),
        ([0.6, 0.9, 0.0], [2, 2, 1]),  # the last starts when its neighbour is about to end
        ([0.8, 0.8, 2.0, 0.0], [2, 2, 2, 2]),  # its neighbour has just begun
    ],
)
def test_the_last_calls_share_with_fewer(seconds: list[float], shares: list[int]) -> None:
    """A call's environment is that of as many as share its device for most of its time."""
    leases = make_leases("cpu", 2, among=_among)
    work = [Call(_shared_by, (each,)) for each in seconds]
    results = run_calls(work, leases, on_start=lambda _: None, on_end=lambda *_: None)
    assert [result.value for result in results] == shares


def test_a_call_made_again_alone_shares_with_none() -> None:
    """It has the whole device, though it had a part before."""
    leases = make_leases("cpu", 2, among=_among)
    work = [Call(_shared_by, (0.0,))] * 2
    again = Retry("out of memory", blames_neighbours=True)
    results = run_calls(
        work,
        leases,
        on_start=lambda _: None,
        on_end=lambda *_: None,
        retry=lambda end: again if end.value == 2 else None,
    )
    assert [result.value for result in results] == [1, 1]


@pytest.mark.parametrize(
    ("status", "reason", "blamed"),
    [
        (
            "failed",
            "OutOfMemoryError: CUDA out of memory.",
            "out of memory",
        ),
        ("failed", "RuntimeError: DefaultCPUAllocator: can't allocate memory", "out of memory"),
        ("failed", "AcceleratorError: CUDA error: unspecified launch failure", "a CUDA error"),
        ("failed", "CaptureFailed: CUDA error: invalidated", "a CUDA graph's capture failed"),
        ("failed", "LoaderDied: killed by signal: Killed", "a process that reads images ended"),
        ("failed", "ValueError: planted", None),
        ("finished", "CUDA error", None),
    ],
)
def test_only_memory_and_gpu_faults_are_retry_reasons(
    status: str, reason: str, blamed: str | None
) -> None:
    """A trial is retried for want of memory or a GPU's fault, not for an error of its own."""
    job = JobReturn(status=JobStatus.COMPLETED)
    job.return_value = {"status": status, "reason": reason}
    retry = retry_of(Ended(job, None, 0))
    assert (retry and retry.reason) == blamed


def test_retried_trial_has_the_reason_in_result_and_events(tmp_path: Path) -> None:
    """A retried trial has the reason in its result and its events; its neighbour has none."""
    overrides = [*TINY, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    overrides += ["max_steps=2", "hydra.launcher.trials_per_device=2", "trick/label_smoothing=0.0"]
    conf = own_config(tmp_path)
    (conf / "trick" / "misbehave" / "memory.yaml").write_text(
        "# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: memory\n"
    )
    overrides.append("+trick/misbehave=off,memory")
    states = api.train(overrides, SilentProgress(), [conf], multirun=True)
    assert [state.status for state in states] == ["finished", "finished"]
    assert states[0].reason == ""
    assert "trained again, alone: out of memory beside up to 1 others" in states[1].reason
    lines = (states[1].directory / "events.jsonl").read_text().splitlines()
    starts = [event for event in map(json.loads, lines) if event["type"] == "start"]
    assert [bool(event["retried"]) for event in starts] == [False, True]
    assert torch.__version__ == states[1].result["torch"]
