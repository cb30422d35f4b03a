"""The task function, importable without torch: the work is imported where it runs."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

__all__ = ["run_trial"]


def run_trial(config: DictConfig) -> dict[str, Any]:
    """Train one trial; see `darkmagic.sweeps.trial.run.run_trial`."""
    from darkmagic.sweeps.trial.run import run_trial as run

    return run(config)
