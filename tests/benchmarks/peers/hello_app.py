"""The least that a Hydra application can be, for the time of its `--help`."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=None)
def hello(config: DictConfig) -> None:
    """Say what it was given."""
    print(config)


if __name__ == "__main__":
    hello()
