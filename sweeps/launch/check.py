"""What the chosen launcher needs is there: asked before anything starts."""

from __future__ import annotations

import importlib.util

from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.distribution import install_extra
from darkmagic.sweeps.launch.devices import check_devices
from darkmagic.sweeps.launch.slurm.ask import check_slurm

__all__ = ["DETACHABLE", "check_detach", "check_launcher", "check_ray"]

DETACHABLE = ("slurm", "worker")
"""Launchers whose trials are run by others than who starts the sweep."""


def check_launcher(config: DictConfig) -> None:
    """Raise `UserError` where jobs of `config` cannot be started from this machine."""
    if _chosen(config) == "slurm":
        check_slurm()
    if _chosen(config) == "ray":
        check_ray()
    check_devices(config)


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
