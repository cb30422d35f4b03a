"""A Hydra application whose trials do nothing but need torch, and say which process they had."""

from __future__ import annotations

import os
from pathlib import Path

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=None)
def noop(config: DictConfig) -> int:
    """Import torch, as training would, and add a line to the file that NOOP_LOG names."""
    import torch

    with Path(os.environ["NOOP_LOG"]).open("a") as log:
        log.write(f"{config.trial} {os.getpid()}\n")
    return int(torch.__version__[0])


if __name__ == "__main__":
    noop()
