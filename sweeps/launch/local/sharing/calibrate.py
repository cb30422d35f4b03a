"""Trains a few steps of several trials at once, in processes of their own, and counts them."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkmagic.sweeps.launch.devices import Lease
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.launch.local.sharing.choice import (
    MPS,
    PLAIN,
    Measured,
    Packing,
    choose,
    how_many_fit,
    is_worth,
    next_to_try,
)
from darkmagic.sweeps.launch.local.sharing.mps import client_env
from darkmagic.sweeps.trial.pretraining import without_pretraining
from darkmagic.trainers.errors import format_error

if TYPE_CHECKING:
    from darkmagic.trainers.recipe import Recipe
    from darkmagic.trainers.step.throughput import Rate

__all__ = ["MAX_TRIALS", "CalibrationError", "calibrate", "measure_together"]

SECONDS = 1.0
WARM_UP_TIMEOUT_SECONDS = 300.0  # seconds until all are warm; the first may compile
MAX_TRIALS = 16  # trials at once that are tried; MPS took no more clients for long
START_FILE = "go"


class CalibrationError(Exception):
    """A trial could not be measured; the message says why."""


def calibrate(
    resolved: dict[str, Any],
    lease: Lease,
    *,
    trials: int,
    mps: Mapping[str, str] | str,
    seconds: float = SECONDS,
    most: int = MAX_TRIALS,
    recipe: Callable[[dict[str, Any]], Recipe] | None = None,
) -> Packing:
    """Return how to pack `trials` like `resolved` on the device of `lease`.

    Takes four times as many trials at once while that pays and they fit, up to all of them: under
    MPS where `mps` is its clients' environment, and else, where it is a message that says why it
    cannot be had, in plain processes, which take turns on a GPU (4 brought 1.03 times one on an
    H200, where MPS brought 1.8).
    Leaves no results. `recipe` makes a trial of `resolved`, in place of what a sweep makes of it.
    Raises `CalibrationError` if one trial alone cannot be measured.
    """
    (first,), start = measure_together(resolved, lease, 1, seconds, recipe)
    measured = [Measured(PLAIN, 1, first.steps_per_second, start)]
    if not is_worth(trials, first.steps, first.steps_per_second):
        return choose(measured, "the sweep is too short to try more")
    stopped = mps if isinstance(mps, str) else ""
    limit = min(most, trials, how_many_fit(first.free, first.memory))
    way, server = (PLAIN, None) if isinstance(mps, str) else (MPS, mps)
    failed, count = None, next_to_try(measured, limit)
    while count is not None:
        env = {} if server is None else client_env(server, count)
        share = Lease(lease.device, max(1, lease.threads // count), {**lease.extra, **env})
        try:
            rates, start = measure_together(resolved, share, count, seconds, recipe)
        except CalibrationError as error:
            stopped = f"{count} at once in {way}: {error}"
            failed = count
        else:
            rate = sum(one.steps_per_second for one in rates)
            measured.append(Measured(way, count, rate, start))
        count = next_to_try(measured, limit, failed)
    return choose(measured, stopped, trials, first.steps)


def measure_together(
    resolved: dict[str, Any],
    lease: Lease,
    count: int,
    seconds: float,
    recipe: Callable[[dict[str, Any]], Recipe] | None = None,
) -> tuple[list[Rate], float]:
    """Return the rates of `count` trials like `resolved`, all measured over the same time.

    And the seconds until all of them were warm.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="darkmagic-") as folder, contextlib.ExitStack() as jobs:
        started = []
        for index in range(count):
            work = (recipe or _sweep_recipe, resolved, folder, index, seconds)
            job = fork_server.start(_measure, *work, env=lease.env, threads=lease.threads)
            jobs.callback(job.stop)
            started.append(job)
        _wait_until_warm(started, Path(folder))
        start = time.monotonic() - began
        return [_rate(job) for job in started], start


def _wait_until_warm(jobs: list[fork_server.Job], folder: Path) -> None:
    deadline = time.monotonic() + WARM_UP_TIMEOUT_SECONDS
    while len(list(folder.glob("warm-*"))) < len(jobs):
        for job in jobs:
            if wait([job.connection], 0):
                _rate(job)  # says what ended it
                raise CalibrationError("a trial ended before it was measured")
        if time.monotonic() > deadline:
            raise CalibrationError(f"not warm after {WARM_UP_TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.01)
    (folder / START_FILE).touch()


def _rate(job: fork_server.Job) -> Rate:
    try:
        rate: Rate | str = wait_for(job, WARM_UP_TIMEOUT_SECONDS)
    except (SilentError, DiedError) as error:
        raise CalibrationError(f"its process: {error}") from None
    if isinstance(rate, str):
        raise CalibrationError(rate)
    return rate


def _sweep_recipe(resolved: dict[str, Any]) -> Recipe:
    """Return a sweep's trial without its pretraining, which changes no step."""
    from darkmagic.sweeps.trial.run import make_recipe

    return make_recipe(without_pretraining(resolved))


def _measure(
    recipe: Callable[[dict[str, Any]], Recipe],
    resolved: dict[str, Any],
    folder: str,
    index: int,
    seconds: float,
) -> Rate | str:
    """Measure one of the trials, in the child; return its rate, or the error message."""
    from darkmagic.trainers.step.throughput import measure_rate

    def ready() -> None:
        (Path(folder) / f"warm-{index}").touch()
        while not (Path(folder) / START_FILE).exists():
            time.sleep(0.002)

    try:
        return measure_rate(recipe(resolved), seconds, ready)
    except Exception as error:  # noqa: BLE001 (the user reads it, and trials go one by one)
        return format_error(error)
