"""Questions to Slurm: how the tasks of arrays stand, and to end some."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.distribution import install_extra

__all__ = [
    "Standing",
    "cancel_tasks",
    "check_partition",
    "check_slurm",
    "max_array_size",
    "task_standings",
]

COMMANDS = ("sbatch", "srun", "squeue", "scancel")
SECONDS = 30
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT", "REVOKED"),
}
"""States that a task does not leave; a preempted one that is requeued is pending at once."""


@dataclass(frozen=True)
class Standing:
    """How a task stands: Slurm's state, its reason for one that waits, and its node."""

    state: str
    reason: str = ""
    node: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it runs or will."""
        return self.state not in ENDED

    def __str__(self) -> str:
        if self.state == "PENDING":
            return f"pending ({self.reason})"
        return self.state.lower() + (f" on {self.node}" if self.node and self.is_live else "")


def check_slurm() -> None:
    """Raise `UserError` where jobs cannot be submitted from."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise UserError(
            f"hydra/launcher=slurm: no {missing[0]} on this machine; run it where you can run "
            "sbatch, such as a login node, or choose hydra/launcher=local or worker"
        )
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise UserError(f"hydra/launcher=slurm needs submitit: {install_extra('slurm')}") from None


def check_partition(names: str | None, minutes: int, *, qos: str | None = None) -> None:
    """Raise `UserError` where no job of `minutes` can start in the partitions `names`.

    As Slurm has none of a name, or each, with commas between, ends jobs before: such a job would
    wait for ever. None is Slurm's own choice; a `qos` may lift a limit. Where Slurm does not answer
    nothing is said: it refuses jobs itself.
    """
    told = _told(["sinfo", "--all", "--noheader", "--format=%P|%l"])
    rows = [line.strip().partition("|") for line in (told or "").splitlines()]
    limits = {name.rstrip("*"): _minutes(limit) for name, _, limit in rows if name}
    chosen = [name[:-1] for name, _, _ in rows if name.endswith("*")][:1]
    if names is not None and limits:
        chosen = [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in limits:
            raise UserError(
                f"hydra.launcher.partition={names}: Slurm has no partition {name!r}; "
                + nearest(name, limits)
            )
    longest = max((limits[name] for name in chosen), default=math.inf)
    if longest < minutes and qos is None:
        raise UserError(
            f"hydra.launcher.timeout_min={minutes}: partition {','.join(chosen)} ends jobs after "
            f"{longest:.0f} min; give at most that, or another hydra.launcher.partition"
        )


def _minutes(limit: str) -> float:
    """Return a time of Slurm's, such as 2-12:30:00, in minutes; infinite for any other word."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if found is None:
        return math.inf
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60


def task_standings(users: Iterable[int] = ()) -> dict[str, Standing] | None:
    """Return how each task of `users` stands that Slurm knows of, by name, such as `12_3`.

    Users are by their numbers; this one's tasks, if there are none. None if Slurm does not answer
    now.
    """
    whose = ",".join(map(str, sorted(set(users)))) or os.getuid()
    command = ["squeue", "--array", "--noheader", "--states=all", f"--user={whose}"]
    told = _told([*command, "--format=%i|%T|%r|%N"])
    if told is None:
        return None
    rows = [line.split("|") for line in told.splitlines()]
    return {row[0]: Standing(row[1], row[2], row[3]) for row in rows if len(row) == 4}


def max_array_size() -> int | None:
    """Return how many tasks an array may have here; None if Slurm does not say."""
    told = _told(["scontrol", "show", "config"])
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", told or "", re.MULTILINE)
    return max(1, int(size[1])) if size else None


def _told(command: Sequence[str]) -> str | None:
    """Return what Slurm answers to a `command`; None if it does not answer now."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments)
            command, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def cancel_tasks(tasks: Iterable[str]) -> None:
    """End tasks, of which some may have ended. Raises `UserError` if Slurm does not take it."""
    names = sorted(set(tasks))
    if not names:
        return
    try:
        subprocess.run(  # noqa: S603 (names that Slurm gave)
            ["scancel", *names],  # noqa: S607 (as the user's PATH has it)
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except FileNotFoundError:
        raise UserError(f"no scancel on this machine: jobs {', '.join(names)} go on") from None
    except subprocess.SubprocessError as error:
        text = str(getattr(error, "stderr", "") or error)
        # One that is unknown has ended, long ago; others are refused beside it.
        told = [line.strip() for line in text.splitlines() if "Invalid job id" not in line]
        if refused := "; ".join(filter(None, told)):
            raise UserError(refused) from None
