"""`track=`: which sink a configuration asks for, and whether its package is there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.distribution import install_extra
from darkmagic.sweeps.track.sinks.sink import Sink
from darkmagic.sweeps.trial.settings import Track

__all__ = ["check_track", "open_sink"]


def check_track(config: DictConfig) -> None:
    """Raise `UserError` where the package is missing that `config` asks for, without importing it.

    >>> from omegaconf import OmegaConf
    >>> check_track(OmegaConf.create({"track": "mlflow"}))
    """
    chosen = Track(config.track)
    if chosen is not Track.MLFLOW and importlib.util.find_spec(chosen) is None:
        raise UserError(
            f"track={chosen} needs the package {chosen}: {install_extra(chosen)} "
            "(or leave it out: MLflow has everything)"
        )


def open_sink(config: DictConfig, folder: Path) -> Sink | None:
    """Return what `config` asks for beside MLflow, of the experiment in `folder`."""
    experiment = str(config.runtime.experiment)
    chosen = Track(config.track)
    if chosen is Track.TENSORBOARD:
        from darkmagic.sweeps.track.sinks.tensorboard import TensorBoardSink

        return TensorBoardSink(folder, experiment)
    if chosen is Track.WANDB:
        from darkmagic.sweeps.track.sinks.wandb import WandbSink

        return WandbSink(folder, experiment)
    return None
