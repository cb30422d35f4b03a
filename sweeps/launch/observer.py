"""Observer of job events: what a launcher reports of its jobs while they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

__all__ = ["IgnoreJobs", "Observer"]


class Observer(Protocol):
    """Receives job events from the launcher's own thread, in this order."""

    def note(self, message: str) -> None:
        """Receive a line about the launch for the user, before any job starts."""

    def launching(self, directories: Sequence[Path], configs: Sequence[DictConfig]) -> None:
        """Receive the output directory and configuration of all jobs: none has started yet."""

    def added(self, directory: Path, config: DictConfig) -> None:
        """Receive the directory and configuration of one more job, which has the next index."""

    def started(self, index: int) -> None:
        """Job `index` has its device and its process."""

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Job `index` has ended, by itself or not."""


class IgnoreJobs:
    """An `Observer` that does nothing."""

    def note(self, message: str) -> None: ...
    def launching(self, directories: Sequence[Path], configs: Sequence[DictConfig]) -> None: ...
    def added(self, directory: Path, config: DictConfig) -> None: ...
    def started(self, index: int) -> None: ...
    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None: ...
