"""The jobs of a launch, composed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from darkmagic.sweeps.packed import PackedConfigs

__all__ = ["ComposedJobs"]


@dataclass
class ComposedJobs:
    """By job: the subfolder of its output, the whole folder, and the configuration.

    What is asked of every job stands beside the configurations, of which none is opened for that.
    """

    subdirs: list[str] = field(default_factory=list)
    directories: list[Path] = field(default_factory=list)
    configs: PackedConfigs = field(default_factory=PackedConfigs)

    @classmethod
    def of(cls, configs: Iterable[DictConfig]) -> ComposedJobs:
        """Return the jobs of `configs`, in their order."""
        jobs = cls()
        for config in configs:
            jobs.add(config)
        return jobs

    def __len__(self) -> int:
        return len(self.configs)

    def add(self, config: DictConfig) -> None:
        """Add one at the end."""
        self.subdirs.append(str(config.hydra.sweep.subdir))
        self.directories.append(Path(str(config.hydra.sweep.dir)) / self.subdirs[-1])
        self.configs.append(config)
