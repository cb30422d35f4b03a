"""What the chosen launcher needs is there: asked before anything starts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.distribution import install_extra
from darkmagic.sweeps.launch.devices import check_devices
from darkmagic.sweeps.launch.ray.request import RayRequest
from darkmagic.sweeps.launch.slurm.ask import check_partition, check_slurm
from darkmagic.sweeps.launch.slurm.request import SlurmRequest
from darkmagic.sweeps.trial.paths import experiment_folder

__all__ = ["DETACHABLE", "check_detach", "check_folder", "check_launcher", "check_ray"]

DETACHABLE = ("slurm", "worker")
"""Launchers whose trials are run by others than who starts the sweep."""


def check_launcher(config: DictConfig) -> None:
    """Raise `UserError` where jobs of `config` cannot be started from this machine, or at all."""
    check_folder(experiment_folder(config))
    if issubclass(OmegaConf.get_type(config.hydra.launcher) or object, SlurmRequest | RayRequest):
        OmegaConf.to_object(config.hydra.launcher).check()  # type: ignore[union-attr]
    if _chosen(config) == "slurm":
        check_slurm()
        asked = config.hydra.launcher
        check_partition(asked.partition, asked.timeout_min, qos=asked.qos)
    if _chosen(config) == "ray":
        check_ray()
    check_devices(config)


def check_folder(folder: Path) -> None:
    """Raise `UserError` where `folder` cannot be made, as a file is in its place or above it.

    >>> Path("runs").touch()
    >>> check_folder(Path("runs/mine"))
    Traceback (most recent call last):
    ...
    darkmagic.checklist.errors.UserError: cannot make the folder runs/mine: runs is a file
    """
    for path in (folder, *folder.parents):
        if path.is_dir():
            return
        if path.exists() or path.is_symlink():
            kind = "a file" if path.exists() else "a link to nothing"
            raise UserError(f"cannot make the folder {folder}: {path} is {kind}")


def check_ray() -> None:
    """Raise `UserError` where Ray is not installed. It is not imported: that takes seconds."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(f"hydra/launcher=ray needs Ray: {install_extra('ray')}")


def check_detach(config: DictConfig) -> None:
    """Raise `UserError` where who starts the sweep of `config` cannot leave it."""
    if _chosen(config) not in DETACHABLE:
        raise UserError(
            f"--detach: trials of hydra/launcher={_chosen(config)} end with the command; choose "
            + " or ".join(f"hydra/launcher={name}" for name in DETACHABLE)
        )


def _chosen(config: DictConfig) -> str:
    return str(config.hydra.runtime.choices["hydra/launcher"])
