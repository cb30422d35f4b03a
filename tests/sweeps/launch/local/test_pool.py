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
from darkmagic.sweeps.launch.local.launcher import _retry_reason
from darkmagic.sweeps.launch.local.pool import Call, Ended, run_calls
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


def _if_crowded(ended: Ended) -> str | None:
    return "out of memory" if ended.value is None else None


def test_what_neighbours_spoilt_is_made_again_alone(tmp_path: Path) -> None:
    """When the others are done, on all of its device; its end is told once."""
    calls = [Call(_crowded, (str(tmp_path), str(i))) for i in range(3)]
    starts: list[int] = []
    ends: list[int] = []
    results = run_calls(
        calls,
        make_leases("cpu", 2),
        on_start=starts.append,
        on_end=lambda index, _: ends.append(index),
        retry_reason=_if_crowded,
    )
    assert starts == [0, 1, 2]
    assert sorted(ends) == [0, 1, 2]
    for result in results:
        assert str(result.value).startswith("0 out of memory beside up to 1 others, which cost ")


def test_each_device_has_its_own_neighbours(tmp_path: Path) -> None:
    """A trial that has a device to itself has nobody to blame."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    calls = [Call(_crowded, (str(folder), "x")) for folder in folders]
    leases = [Lease("", 1), Lease("cpu", 1)]
    results = run_calls(
        calls, leases, on_start=lambda _: None, on_end=lambda *_: None, retry_reason=_if_crowded
    )
    assert [result.value for result in results] == [None, None]


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
        ("failed", "ValueError: planted", None),
        ("finished", "CUDA error", None),
    ],
)
def test_only_shared_things_are_blamed_on_neighbours(
    status: str, reason: str, blamed: str | None
) -> None:
    """Memory, and a GPU's faults; what a trial does wrong by itself is its own."""
    job = JobReturn(status=JobStatus.COMPLETED)
    job.return_value = {"status": status, "reason": reason}
    assert _retry_reason(Ended(job, None, 0)) == blamed
    assert _retry_reason(Ended(None, "the process was ended by SIGKILL", -9)) is None


def test_a_trial_that_was_trained_again_says_so(tmp_path: Path) -> None:
    """In its result and in its events; its neighbour keeps its own."""
    words = [*TINY, f"runtime.out='{tmp_path}'", f"runtime.cache='{tmp_path}/cache'"]
    words += ["max_steps=2", "hydra.launcher.trials_per_device=2", "trick/label_smoothing=0.0"]
    conf = own_config(tmp_path)
    (conf / "trick" / "misbehave" / "memory.yaml").write_text(
        "# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: memory\n"
    )
    words.append("+trick/misbehave=off,memory")
    entries = api.train(words, SilentProgress(), [conf], multirun=True)
    assert [entry.status for entry in entries] == ["finished", "finished"]
    assert entries[0].reason == ""
    assert "trained again, alone: out of memory beside up to 1 others" in entries[1].reason
    lines = (entries[1].directory / "events.jsonl").read_text().splitlines()
    starts = [event for event in map(json.loads, lines) if event["type"] == "start"]
    assert [bool(event["retried"]) for event in starts] == [False, True]
    assert torch.__version__ == entries[1].result["torch"]
