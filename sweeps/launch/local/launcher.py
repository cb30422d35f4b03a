"""The local launcher's work: compose all jobs, then fork each on its device."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.launch.devices import AUTO
from darkmagic.sweeps.launch.feed import Feed
from darkmagic.sweeps.launch.local.pool import Call, Ended, Retry, run_calls
from darkmagic.sweeps.launch.local.sharing.leases import lease_devices
from darkmagic.sweeps.launch.local.stall import StallWatch
from darkmagic.sweeps.trial.retry import WITHOUT_GRAPHS
from darkmagic.trainers.errors import CaptureFailed

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
) -> list[JobReturn]:
    """Run a job for each of `job_overrides`; return how each ended, in their order.

    Every job is composed before the first starts, so that a bad override stops all of them; those
    that `feed` adds are composed when a device is free for them. A job that fails is a `JobReturn`
    with status FAILED, and stops no other, unless the context says `fail_fast`. One that dies is
    run again up to `retries` times; one whose events stand still for `stall_seconds` is ended.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)

    loader = hydra_context.config_loader
    assert isinstance(loader, RememberingLoader)
    configs = [
        _compose(loader, config, overrides, index)
        for index, overrides in enumerate(job_overrides, start=initial_job_idx)
    ]

    context = current_context()
    observer, fail_fast = context.observer, context.fail_fast
    watch = StallWatch([_directory(each) for each in configs], stall_seconds)

    def to_end(index: int, began: float) -> str | None:
        return watch.stalled(index, began) or context.hopeless(_directory(configs[index]))

    # What all jobs share is pickled once.
    shared = cloudpickle.dumps((hydra_context, task_function, Singleton.get_state()))
    calls = [Call(_run, (shared, job_config)) for job_config in configs]

    def more() -> Call | None:
        overrides = None if feed is None else feed.next_job()
        if overrides is None:
            return None
        job_config = _compose(loader, config, overrides, initial_job_idx + len(configs))
        configs.append(job_config)
        watch.add(_directory(job_config))
        observer.added(_directory(job_config), job_config)
        return Call(_run, (shared, job_config))

    def on_end(index: int, ended: Ended) -> None:
        observer.ended(index, _job_return(ended, configs[index]), ended.exit_code)

    expected = configs if feed is None else [*configs, *[config] * feed.expected]
    with lease_devices(
        devices, trials_per_device, expected, observer.note, threads=threads
    ) as leases:
        observer.launching([(_directory(job_config), job_config) for job_config in configs])
        results = run_calls(
            calls,
            leases,
            on_start=observer.started,
            on_end=on_end,
            retry=_retry,
            retries=retries,
            stalled=to_end,
            is_last=lambda ended: fail_fast and _has_failed(ended),
            unneeded=None if feed is None else feed.unneeded,
            more=more,
        )
    return [_job_return(*pair) for pair in zip(results, configs, strict=True)]


def _compose(
    loader: RememberingLoader, master: DictConfig, overrides: Sequence[str], index: int
) -> DictConfig:
    job_config = loader.take(master, overrides)
    with open_dict(job_config):
        job_config.hydra.job.id = f"{master.hydra.job.name}_{index}"
        job_config.hydra.job.num = index
        # An absolute directory is the same whatever the current folder is when it is read.
        job_config.hydra.sweep.dir = str(Path(str(job_config.hydra.sweep.dir)).absolute())
        job_config.hydra.sweep.subdir = str(job_config.hydra.sweep.subdir)
    return job_config


def _directory(config: DictConfig) -> Path:
    return Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir)


def _run(shared: bytes, config: DictConfig) -> JobReturn:
    """Run one job, in the child."""
    setup_globals()
    hydra_context, task_function, singletons = cloudpickle.loads(shared)
    Singleton.set_state(singletons)
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _retry(ended: Ended) -> Retry | None:
    """Return how to train a failed job again, if it may end otherwise then.

    Its process may have died: killed, as for want of memory, or crashed. Its neighbours on the
    device may be the cause: memory is shared, and under MPS a fault of one process ends all the
    others. And a process in which a capture failed trains no more.
    """
    if ended.error is not None:
        killed = ended.exit_code == -signal.SIGKILL
        return None if ended.stalled or ended.unneeded else Retry(ended.error, alone=killed)
    reason = _failure(ended)
    if reason.startswith(f"{CaptureFailed.__name__}:"):
        return Retry("a CUDA graph's capture failed", alone=False, env={WITHOUT_GRAPHS: "1"})
    if "OutOfMemoryError" in reason or "can't allocate memory" in reason:
        return Retry("out of memory", blames_neighbours=True)
    return Retry("a CUDA error", blames_neighbours=True) if "CUDA error" in reason else None


def _failure(ended: Ended) -> str:
    """Return why the trial of a job failed, where it left a result; empty if it did not."""
    job = ended.value
    result = job.return_value if job.status is JobStatus.COMPLETED else None
    if not isinstance(result, dict) or result.get("status") not in ("failed", "diverged"):
        return ""
    return str(result.get("reason") or result["status"])


def _has_failed(ended: Ended) -> bool:
    died = ended.error is not None or ended.value.status is not JobStatus.COMPLETED
    return died or bool(_failure(ended))


def _job_return(ended: Ended, config: DictConfig) -> JobReturn:
    """Return the child's own `JobReturn`, or a failed one with the error message."""
    if ended.error is None:
        assert isinstance(ended.value, JobReturn)
        return ended.value
    job = JobReturn(
        overrides=[str(override) for override in config.hydra.overrides.task],
        cfg=config,
    )
    job.status = JobStatus.FAILED
    job.return_value = RuntimeError(ended.error)
    return job
