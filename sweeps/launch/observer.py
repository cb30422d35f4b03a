"""How a launcher says what becomes of its jobs, to whoever listens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

__all__ = ["Observer", "current_observer", "observed_by"]


class Observer(Protocol):
    """Told of jobs from the launcher's own thread, in this order."""

    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None:
        """All jobs are composed and none has started: output directory and config of each."""

    def started(self, index: int) -> None:
        """Job `index` has its device and its process."""

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Job `index` came to an end, by itself or not."""


class _Nobody:
    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None: ...
    def started(self, index: int) -> None: ...
    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None: ...


_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


def current_observer() -> Observer:
    """Return the observer of this context, one that does nothing where none was set."""
    return _observer.get() or _Nobody()


@contextlib.contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let `observer` be told of what launchers do inside this context."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)
