"""Which devices there are, and the leases under which trials use them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import forkserver

__all__ = ["Lease", "make_leases"]

CPU = "cpu"


@dataclass(frozen=True)
class Lease:
    """One trial's place: a device that it alone sees, and its share of the cores."""

    device: str  # "cpu", or what CUDA_VISIBLE_DEVICES is to be
    threads: int

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of a process that sees this device only."""
        return {"CUDA_VISIBLE_DEVICES": "" if self.device == CPU else self.device}


def make_leases(
    devices: str | int | Sequence[int | str],
    trials_per_device: int | None,
    threads: int | None = None,
) -> list[Lease]:
    """Return as many leases as trials may run at once.

    `devices` is "auto" (every GPU, or the CPU without one), "cpu", an index, or a list of
    indices. `trials_per_device` is 1 on a GPU and the number of cores on a CPU if None: one
    single-threaded trial a core does 1.5 times the work of one trial on all cores. `threads` of
    each trial are its share of the cores if None. Torch splits sums by threads, so on a CPU the
    same results bit for bit need the same `threads`; how many trials run at once is all one.
    """
    names = _resolve(devices)
    cores = len(os.sched_getaffinity(0))
    each = trials_per_device or (cores if names == [CPU] else 1)
    if each < 1:
        raise UserError(f"trials_per_device={trials_per_device}: need 1 or more")
    if threads is not None and threads < 1:
        raise UserError(f"threads={threads}: need 1 or more")
    share = threads or max(1, cores // (each * len(names)))
    return [Lease(name, share) for _ in range(each) for name in names]


def _resolve(devices: str | int | Sequence[int | str]) -> list[str]:
    if devices == CPU:
        return [CPU]
    visible = _visible_gpus()
    if devices == "auto":
        return visible or [CPU]
    wanted = [devices] if isinstance(devices, int | str) else list(devices)
    if wanted == [CPU]:
        return [CPU]
    for index in wanted:
        if not (isinstance(index, int) or index.isdigit()) or int(index) >= len(visible):
            have = ", ".join(map(str, range(len(visible)))) or "none"
            raise UserError(
                f"hydra.launcher.devices names {index!r}, but the GPUs here are: {have}; "
                "choose auto, cpu or a list such as [0,1]"
            )
    return [visible[int(index)] for index in wanted]


def _visible_gpus() -> list[str]:
    """Ask torch in a child, so that this process needs neither torch nor CUDA."""
    count: int = forkserver.start(_count_gpus, env={}).result()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return named.split(",")[:count]
    return [str(index) for index in range(count)]


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()
