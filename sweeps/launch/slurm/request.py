"""What is asked of Slurm, declared once: Hydra's plugin reads its fields as configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from darkmagic.checklist.errors import UserError

__all__ = ["SlurmRequest"]


@dataclass
class SlurmRequest:
    """What is asked of Slurm for each task of its job arrays, as `hydra/launcher=slurm` has it.

    A task has `trials_per_job` trials, `trials_at_once` of them side by side, each with its own
    `gpus_per_trial` and `cpus_per_trial`; `memory_gb` is the task's. After `timeout_min` minutes,
    or when preempted, it is requeued and its trials go on from their checkpoints: `signal_delay_s`
    before the end it leaves off, at most `max_timeouts` times. `max_parallel`: tasks at once.
    `setup`: lines of the shell before. `parameters`: others of sbatch's, as {nice: 100}.
    `threads`: of each trial, as many as its CPUs if null. `retries`, `stall_seconds`: as the local
    launcher has them.
    """

    partition: str | None = None
    gpus_per_trial: int = 0
    cpus_per_trial: int = 2
    memory_gb: float | None = None
    timeout_min: int = 240
    trials_per_job: int = 1
    trials_at_once: int = 1
    max_parallel: int = 256
    max_timeouts: int = 20
    signal_delay_s: int = 90
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    setup: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    retries: int = 1
    stall_seconds: Any = "auto"

    def check(self) -> None:
        """Raise `UserError` for numbers that cannot be."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UserError(f"hydra.launcher.{name}={value}: need a whole number from {least}")
        if self.trials_at_once > self.trials_per_job:
            raise UserError(
                f"hydra.launcher.trials_at_once={self.trials_at_once}: a job has "
                f"{self.trials_per_job}; give trials_per_job too"
            )
        if self.signal_delay_s >= self.timeout_min * 60:
            raise UserError(
                f"hydra.launcher.signal_delay_s={self.signal_delay_s} leaves no time to train in "
                f"{self.timeout_min} min"
            )

    def sbatch(self) -> dict[str, Any]:
        """Return the parameters of submitit's."""
        gpus = self.gpus_per_trial * self.trials_at_once
        wanted = {
            "partition": self.partition,
            "gpus_per_node": gpus or None,
            "cpus_per_task": self.cpus_per_trial * self.trials_at_once,
            "mem": None if self.memory_gb is None else f"{int(self.memory_gb * 1024)}MB",
            "time": self.timeout_min,
            "signal_delay_s": self.signal_delay_s,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "setup": list(self.setup) or None,
            "additional_parameters": {"requeue": True, **self.parameters},
            "job_name": "darkmagic",
            "ntasks_per_node": 1,
            "stderr_to_stdout": True,
        }
        return {key: value for key, value in wanted.items() if value is not None}


_LEAST = {
    "gpus_per_trial": 0,
    "cpus_per_trial": 1,
    "timeout_min": 1,
    "trials_per_job": 1,
    "trials_at_once": 1,
    "max_parallel": 1,
    "max_timeouts": 0,
    "signal_delay_s": 1,
    "retries": 0,
}
