"""The devices of this machine, and the leases under which trials use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import answer
from darkmagic.trainers.runtime.cores import PROCESSES, usable_cores

__all__ = [
    "AUTO",
    "CPU",
    "GPU_SECONDS",
    "WITHOUT_GPUS",
    "Lease",
    "check_devices",
    "check_share",
    "lease_here",
    "make_leases",
    "resolve_devices",
]

CPU = "cpu"
AUTO = "auto"
GPU_SECONDS = 600.0
"""That a driver may take to say which GPUs there are; one that hangs never does."""
WITHOUT_GPUS = f"does nvidia-smi answer? hydra.launcher.devices={CPU} does not ask"


@dataclass(frozen=True)
class Lease:
    """The share of one trial: the device that it sees, and a number of cores."""

    device: str  # "cpu", or what CUDA_VISIBLE_DEVICES is to be
    threads: int
    extra: Mapping[str, str] = field(default_factory=dict)  # of the environment
    among: Callable[[int], Mapping[str, str]] | None = None  # more of it, for trials at once: MPS's

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of a process that sees this device only."""
        return {**self.extra, "CUDA_VISIBLE_DEVICES": "" if self.device == CPU else self.device}

    def env_among(self, trials: int) -> Mapping[str, str]:
        """Return `env` where `trials`, this one counted, will share the device at most."""
        return self.env if self.among is None else {**self.among(trials), **self.env}


def make_leases(
    devices: str | int | Sequence[int | str],
    trials_per_device: int | str | None,
    threads: int | None = None,
    extra: Mapping[str, str] | None = None,
    gpus_per_trial: int = 1,
    among: Callable[[int], Mapping[str, str]] | None = None,
) -> list[Lease]:
    """Return as many leases as trials may run at once.

    `devices` is "auto" (every GPU, or the CPU without one), "cpu", an index, or a list of
    indices. `trials_per_device`, if "auto" or None, is the number of cores on a CPU: one
    single-threaded trial a core does 1.5 times the work of one trial on all cores. On a GPU it
    is 1 here: under "auto" `lease_devices` measures how many pay. `threads` of each trial are
    its share of the cores if None. Torch splits sums by threads, so on a CPU the same results
    bit for bit need the same `threads`; how many trials run at once does not matter. `extra` is
    for their environment, and `among` of how many share a device at the time. A trial with
    several GPUs has as many processes, and all of each GPU; on a CPU it has as many processes,
    each with `threads`.
    """
    check_share(trials_per_device, gpus_per_trial)
    names = _join(resolve_devices(devices), gpus_per_trial)
    extra = {**(extra or {}), **({PROCESSES: str(gpus_per_trial)} if gpus_per_trial > 1 else {})}
    cores = max(1, usable_cores() // gpus_per_trial)
    if trials_per_device in (None, AUTO):
        each = cores if names == [CPU] else 1
    elif isinstance(trials_per_device, int) and trials_per_device >= 1:
        each = trials_per_device
    else:
        raise UserError(f"trials_per_device={trials_per_device}: need 1 or more, or auto")
    if threads is not None and threads < 1:
        raise UserError(f"threads={threads}: need 1 or more")
    share = threads or max(1, cores // (each * len(names)))
    return [Lease(name, share, extra, among) for _ in range(each) for name in names]


def lease_here(launcher: DictConfig) -> Lease:
    """Return a lease of this machine for what is measured before trials are trained.

    Where another launcher than ours trains them, it is of any device that there is.
    """
    devices, each = launcher.get("devices", AUTO), launcher.get("trials_per_device")
    return make_leases(devices, each, launcher.get("threads"))[0]


def check_share(trials_per_device: Any, gpus_per_trial: int) -> None:
    """Raise `UserError` where trials are to share a GPU, and each to have several."""
    if type(gpus_per_trial) is not int or gpus_per_trial < 1:
        raise UserError(f"gpus_per_trial={gpus_per_trial}: need a whole number, 1 or more")
    packed = isinstance(trials_per_device, int) and trials_per_device > 1
    if packed and gpus_per_trial > 1:
        raise UserError(
            f"gpus_per_trial={gpus_per_trial} gives a trial several GPUs, and trials_per_device="
            f"{trials_per_device} puts several trials on one: leave one of them out"
        )


def _join(names: list[str], gpus_per_trial: int) -> list[str]:
    """Return the GPUs of one trial after another, as CUDA_VISIBLE_DEVICES has them."""
    if names == [CPU]:
        return names
    if len(names) < gpus_per_trial:
        raise UserError(f"gpus_per_trial={gpus_per_trial}, but trials have {len(names)} GPUs here")
    whole = len(names) // gpus_per_trial * gpus_per_trial
    return [",".join(names[i : i + gpus_per_trial]) for i in range(0, whole, gpus_per_trial)]


def check_devices(config: DictConfig) -> None:
    """Raise `UserError` where this machine has not the devices that trials of `config` ask for.

    A trial sees the GPU of its lease alone. Torch is asked only where a GPU is named. Another
    launcher than ours has devices of its own.
    """
    device, launcher = str(config.runtime.device), config.hydra.launcher
    _check_several(launcher, config.get("batch_size"))
    kind, _, index = device.partition(":")
    if kind == "mps" and sys.platform != "darwin":
        raise UserError(
            f"runtime.device={device}: that is the GPU of Apple's machines; choose "
            "runtime.device=auto"
        )
    if "devices" not in launcher or (kind != "cuda" and launcher.devices in (AUTO, CPU)):
        return
    if kind == "cuda" and int(index or 0) > 0:
        raise UserError(
            f"runtime.device={device}: a trial sees the one GPU it is given, as cuda:0; choose "
            f"which with hydra.launcher.devices=[{index}]"
        )
    names = resolve_devices(launcher.devices)
    _join(names, int(launcher.get("gpus_per_trial", 1)))
    if kind == "cuda" and names == [CPU]:
        raise UserError(
            f"runtime.device={device}: trials are given the CPU here; choose runtime.device=auto"
        )


def _check_several(launcher: DictConfig, batch_size: Any) -> None:
    """Raise `UserError` where trials of `launcher` cannot have the GPUs, or processes, they ask."""
    each = launcher.get("gpus_per_trial", 1)
    if "devices" in launcher:
        check_share(launcher.get("trials_per_device"), each)
    if isinstance(batch_size, int) and each > 1 and batch_size < each:
        raise UserError(
            f"batch_size={batch_size} cannot be shared by the processes of hydra.launcher."
            f"gpus_per_trial={each}: give a larger batch, or fewer GPUs a trial"
        )


def resolve_devices(devices: str | int | Sequence[int | str]) -> list[str]:
    """Return the names of `devices` as leases have them. Raises `UserError` for an absent one."""
    if devices == CPU:
        return [CPU]
    visible = _visible_gpus()
    if devices == "auto":
        return visible or [CPU]
    if isinstance(devices, str) or not isinstance(devices, Sequence):
        devices = [devices]
    wanted = [str(device) for device in devices]
    if wanted == [CPU]:
        return [CPU]
    if not wanted:
        raise UserError(
            "hydra.launcher.devices names none; choose auto, cpu or a list such as [0,1]"
        )
    for index in wanted:
        if not index.isdecimal() or int(index) >= len(visible):
            have = ", ".join(map(str, range(len(visible)))) or "none"
            raise UserError(
                f"hydra.launcher.devices names {index}, but the GPUs here are: {have}; "
                "choose auto, cpu or a list such as [0,1]"
            )
    return [visible[int(index)] for index in wanted]


def _visible_gpus() -> list[str]:
    """Ask torch in a child, so that this process needs neither torch nor CUDA.

    Where children need no torch, as those of commands, the driver is asked.
    """
    if fork_server.preloads_torch():
        job = fork_server.start(_count_gpus, env={})
        count: int = answer(job, "counting the GPUs", GPU_SECONDS, WITHOUT_GPUS)
    else:
        count = _count_by_driver()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return named.split(",")[:count]
    return [str(index) for index in range(count)]


def _count_by_driver() -> int:
    try:
        done = subprocess.run(
            ["nvidia-smi", "--list-gpus"],  # noqa: S607 (as the user's PATH has it)
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()
