"""One job of a Hydra application: composed here, run in whatever process has its turn.

Every launcher of ours composes its jobs with `compose_jobs`, ships what they share once, and has
`run_shipped` called in the process that runs one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.kept_return import KeptReturn
from darkmagic.sweeps.launch.local import child
from darkmagic.sweeps.launch.local.calls import Ended, Retry
from darkmagic.sweeps.trial.retry import WITHOUT_GRAPHS
from darkmagic.trainers.errors import CaptureFailed, LoaderDied

__all__ = [
    "compose_job",
    "compose_jobs",
    "failed_job",
    "has_failed",
    "retry_of",
    "run_shipped",
    "ship",
]


def compose_jobs(
    hydra_context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
) -> ComposedJobs:
    """Compose every job before the first starts, so that a bad override stops all of them."""
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    loader = hydra_context.config_loader
    return ComposedJobs.of(
        compose_job(loader, config, overrides, index)
        for index, overrides in enumerate(job_overrides, start=initial_job_idx)
    )


def compose_job(
    loader: object, master: DictConfig, overrides: Sequence[str], index: int
) -> DictConfig:
    """Compose one job, or take what the sweeper has composed."""
    assert isinstance(loader, RememberingLoader)
    job_config = loader.take(master, overrides)
    with open_dict(job_config):
        job_config.hydra.job.id = f"{master.hydra.job.name}_{index}"
        job_config.hydra.job.num = index
        # An absolute directory is the same whatever the current folder is when it is read.
        job_config.hydra.sweep.dir = str(Path(str(job_config.hydra.sweep.dir)).absolute())
        job_config.hydra.sweep.subdir = str(job_config.hydra.sweep.subdir)
    return job_config


def ship(hydra_context: HydraContext, task_function: TaskFunction) -> bytes:
    """Return what all jobs of a launch share, pickled once, with the folder it was started in."""
    shared = cloudpickle.dumps((hydra_context, task_function, Singleton.get_state()))
    shipped: bytes = cloudpickle.dumps((str(Path.cwd()), shared))
    return shipped


def run_shipped(shared: bytes, config: DictConfig) -> JobReturn:
    """Run one job, in the process that is to.

    It runs in the folder that its launch was started in, where this machine has that: a path in
    its configuration and a module of the user's own may be written as seen from there.
    """
    setup_globals()
    folder, content = cloudpickle.loads(shared)
    if Path(folder).is_dir():
        os.chdir(folder)
        child.import_from_here()
    hydra_context, task_function, singletons = cloudpickle.loads(content)
    Singleton.set_state(singletons)
    job = run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return KeptReturn.of(job)


def retry_of(ended: Ended) -> Retry | None:
    """Return how to train a failed job again, if it may end otherwise then.

    Its process may have died: killed, as for want of memory, or crashed. Its neighbours on the
    device may be the cause: memory is shared, and under MPS a fault of one process ends all the
    others. And a process in which a capture failed trains no more, nor one whose loaders died.
    """
    if ended.error is not None:
        killed = ended.exit_code == -signal.SIGKILL
        return None if ended.stalled or ended.unneeded else Retry(ended.error, alone=killed)
    reason = _failure(ended)
    if reason.startswith(f"{CaptureFailed.__name__}:"):
        return Retry("a CUDA graph's capture failed", alone=False, env={WITHOUT_GRAPHS: "1"})
    if f"{LoaderDied.__name__}:" in reason:
        return Retry("a process that reads images ended", alone=True)
    if "OutOfMemoryError" in reason or "can't allocate memory" in reason:
        return Retry("out of memory", blames_neighbours=True)
    return Retry("a CUDA error", blames_neighbours=True) if "CUDA error" in reason else None


def has_failed(ended: Ended) -> bool:
    """Whether a job died, or its trial left a result that says it failed."""
    died = ended.error is not None or ended.value.status is not JobStatus.COMPLETED
    return died or bool(_failure(ended))


def failed_job(error: str, config: DictConfig) -> JobReturn:
    """Return what stands for the `JobReturn` of a job that left none."""
    job = KeptReturn(
        overrides=[str(override) for override in config.hydra.overrides.task],
        cfg=config,
    )
    job.status = JobStatus.FAILED
    job.return_value = RuntimeError(error)
    return job


def _failure(ended: Ended) -> str:
    """Return why the trial of a job failed, where it left a result; empty if it did not."""
    job = ended.value
    result = job.return_value if job.status is JobStatus.COMPLETED else None
    if not isinstance(result, dict) or result.get("status") not in ("failed", "diverged"):
        return ""
    return str(result.get("reason") or result["status"])
