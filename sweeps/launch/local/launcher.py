"""The local launcher's work: compose all jobs, then fork each on its device."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.launch.devices import AUTO
from darkmagic.sweeps.launch.feed import Feed
from darkmagic.sweeps.launch.jobs.held import Held, check_held, held_here, wait_until_taken
from darkmagic.sweeps.launch.jobs.run import (
    compose_job,
    compose_jobs,
    failed_job,
    has_failed,
    retry_of,
    run_shipped,
    ship,
)
from darkmagic.sweeps.launch.local import child
from darkmagic.sweeps.launch.local.calls import Call, Ended, Retry
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.local.sharing.leases import lease_devices
from darkmagic.sweeps.launch.local.stall import StallWatch
from darkmagic.sweeps.packed import unpack

__all__ = ["launch_local"]


def launch_local(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
    *,
    devices: Any,
    trials_per_device: Any,
    threads: int | None,
    retries: int = 1,
    stall_seconds: float | str | None = AUTO,
    feed: Feed | None = None,
    gpus_per_trial: int = 1,
) -> list[JobReturn]:
    """Run a job for each of `job_overrides`; return how each ended, in their order.

    Every job is composed before the first starts; those that `feed` adds are composed when a
    device is free for them. A job that fails is a `JobReturn` with status FAILED, and stops no
    other, unless the context says `fail_fast`. One that dies is run again up to `retries` times;
    one whose events stand still for `stall_seconds` is ended.
    """
    jobs = compose_jobs(hydra_context, config, job_overrides, initial_job_idx)
    configs, directories = jobs.configs, jobs.directories
    context = current_context()
    observer, fail_fast = context.observer, context.fail_fast
    watch = StallWatch(directories, stall_seconds)

    def to_end(index: int, began: float) -> str | None:
        return watch.stalled(index, began) or context.hopeless(directories[index])

    shared = ship(hydra_context, task_function)
    held = held_here()
    calls = [Call(_run_held, (held, shared, configs.packed(place))) for place in range(len(jobs))]

    def more() -> Call | None:
        overrides = None if feed is None else feed.next_job()
        if overrides is None:
            return None
        index = initial_job_idx + len(configs)
        job_config = compose_job(hydra_context.config_loader, config, overrides, index)
        jobs.add(job_config)
        watch.add(directories[-1])
        observer.added(directories[-1], job_config)
        return Call(_run_held, (held, shared, configs.packed(-1)))

    def retry(ended: Ended) -> Retry | None:
        check_held()  # it may have left off for a successor
        return retry_of(ended)

    def on_end(index: int, ended: Ended) -> None:
        check_held()
        observer.ended(index, _job_return(ended, configs, index), ended.exit_code)

    expected = configs if feed is None else [*configs, *[config] * feed.expected]
    with lease_devices(
        devices,
        trials_per_device,
        expected,
        observer.note,
        threads=threads,
        gpus_per_trial=gpus_per_trial,
    ) as leases:
        observer.launching(directories, configs)
        results = run_calls(
            calls,
            leases,
            on_start=observer.started,
            on_end=on_end,
            retry=retry,
            retries=retries,
            stalled=to_end,
            is_last=lambda ended: fail_fast and has_failed(ended),
            unneeded=None if feed is None else feed.unneeded,
            more=more,
        )
    return [_job_return(ended, configs, index) for index, ended in enumerate(results)]


def _run_held(held: tuple[Held, ...], shared: bytes, config: bytes) -> JobReturn:
    """Run a job in this child, which ends where another process takes what its owner holds."""
    if held:
        threading.Thread(target=_leave_when_taken, args=(held,), daemon=True).start()
    return run_shipped(shared, unpack(config))


def _leave_when_taken(held: tuple[Held, ...]) -> None:
    wait_until_taken(held)
    child.end_child()


def _job_return(ended: Ended, configs: Sequence[DictConfig], index: int) -> JobReturn:
    """Return the child's own `JobReturn`, or a failed one with the error message."""
    if ended.error is None:
        assert isinstance(ended.value, JobReturn)
        return ended.value
    return failed_job(ended.error, configs[index])
