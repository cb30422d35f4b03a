"""Leases for the trials of one launch, as many a device as pay."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from darkmagic.sweeps.launch.devices import (
    AUTO,
    CPU,
    GPU_SECONDS,
    WITHOUT_GPUS,
    Lease,
    make_leases,
    resolve_devices,
)
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import answer
from darkmagic.sweeps.launch.local.sharing.calibrate import CalibrationError, calibrate
from darkmagic.sweeps.launch.local.sharing.choice import MPS, Packing, choose
from darkmagic.sweeps.launch.local.sharing.mps import MpsUnavailable, client_env, mps_server
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.trainers.outputs.durable import DamagedFileError, set_aside
from darkmagic.trainers.outputs.json_file import read_json, write_json

__all__ = ["PACKING", "find_packing", "keep_packing", "lease_devices"]

PACKING = "packing.json"
WORKLOAD = ("dataset", "model", "batch_size", "amp", "channels_last", "compile")
"""What of a trial decides how many fit on a device; its tricks do, too, but less."""


@contextlib.contextmanager
def lease_devices(
    devices: Any,
    trials_per_device: Any,
    configs: Sequence[DictConfig],
    note: Callable[[str], None],
    *,
    threads: int | None = None,
    gpus_per_trial: int = 1,
) -> Iterator[list[Lease]]:
    """Yield leases for the jobs `configs`; `note` receives a line on what was chosen for a GPU.

    `threads` of each job are its share of the cores if None.

    On GPUs with `trials_per_device=auto` the first job is calibrated on the first of them, or
    what was found for such trials in this experiment on such a GPU is used again. Trials of
    several GPUs share none.
    """
    if configs and OmegaConf.select(configs[0], "runtime.device") == CPU:
        devices = CPU  # a GPU that trials leave alone is not measured for them
    names = resolve_devices(devices)
    automatic = trials_per_device == AUTO and names != [CPU] and len(configs) > len(names)
    if gpus_per_trial > 1:
        yield make_leases(devices, trials_per_device, threads, gpus_per_trial=gpus_per_trial)
        return
    if not automatic or not all(key in configs[0] for key in WORKLOAD):
        yield make_leases(devices, trials_per_device, threads)
        return
    with contextlib.ExitStack() as daemon:
        mps: Mapping[str, str] | str
        try:
            mps = daemon.enter_context(mps_server())
        except MpsUnavailable as finding:
            mps = str(finding)
        packing = _packing(configs, devices, len(names), mps, note)
        among = None
        if packing.way != MPS or isinstance(mps, str):
            daemon.close()
        else:
            among = partial(client_env, mps)
        yield make_leases(devices, packing.trials, threads, among=among)


def _packing(
    configs: Sequence[DictConfig],
    devices: Any,
    count: int,
    mps: Mapping[str, str] | str,
    note: Callable[[str], None],
) -> Packing:
    resolved = resolve(configs[0])
    folder = Path(str(configs[0].hydra.sweep.dir))
    lease = make_leases(devices, 1)[0]
    trials = -(-len(configs) // count)
    job = fork_server.start(_device_name, env=lease.env)
    device: str = answer(job, "asking a GPU for its name", GPU_SECONDS, WITHOUT_GPUS)
    found = find_packing(folder, device, resolved, note)
    if found is not None and (found.way != MPS or not isinstance(mps, str)):
        found = choose(
            found.measured, found.stopped, trials, found.steps
        )  # of as many as are left now
        note(f"{found}, as measured before on {device}")
        return found
    note(f"measuring how many trials at once pay on {device}")
    began = time.monotonic()
    try:
        packing = calibrate(resolved, lease, trials=trials, mps=mps)
    except CalibrationError as error:
        note(f"1 trial at a time on a GPU: calibrating failed ({error})")
        return Packing("", 1, 1.0)
    keep_packing(folder, device, resolved, packing)
    seconds = time.monotonic() - began
    note(f"{packing}, measured on {device} in {seconds:.0f} s")
    return packing


def find_packing(
    folder: Path,
    device: str,
    resolved: Mapping[str, Any],
    note: Callable[[str], None],
) -> Packing | None:
    """Return what was found for trials like `resolved` on a `device` of this name, if it was.

    A file that cannot be read is set aside, of which `note` hears.
    """
    path = folder / PACKING
    try:
        content = read_json(path)
        if content is None:
            return None
        if content["device"] != device or content["workload"] != _workload(resolved):
            return None
        return Packing.from_dict(content["packing"])
    except (DamagedFileError, KeyError, TypeError, AttributeError, ValueError):
        with contextlib.suppress(OSError):
            note(f"{PACKING} cannot be read: set aside as {set_aside(path).name}, measured again")
        return None


def keep_packing(folder: Path, device: str, resolved: Mapping[str, Any], packing: Packing) -> None:
    """Write what was found to the experiment's folder, unless the next sweep may find more."""
    if len(packing.measured) > 1:
        workload = _workload(resolved)
        content = {"device": device, "workload": workload, "packing": packing.as_dict()}
        write_json(folder / PACKING, content)


def _workload(resolved: Mapping[str, Any]) -> str:
    return identity({key: resolved[key] for key in WORKLOAD})


def _device_name() -> str:
    import torch

    return torch.cuda.get_device_name()
