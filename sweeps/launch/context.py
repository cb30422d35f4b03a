"""The sweep that this process runs: what reaches Hydra's plugins beside the configuration.

Hydra makes its sweeper and launcher by itself and gives them a configuration alone. What is no
value of a configuration, such as where progress is shown, they find here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from darkmagic.sweeps.compose.plan import Plan
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.launch.observer import IgnoreJobs, Observer
from darkmagic.sweeps.launch.progress import Progress, SilentProgress

__all__ = ["SweepContext", "current_context", "use_context"]


Run = Callable[[ConfigLoader, DictConfig, Launcher], Any]
"""From the loader, the composed configuration and the launcher to an outcome."""


@dataclass(frozen=True)
class SweepContext:
    """What a command gives to the sweep that it starts.

    `request` and `plan` are for the sweeper, which makes the plan itself if it is None;
    `progress` receives the events of its trials, and `observer` the launcher's of its jobs.
    `hopeless` says why the job in a folder is to be ended, or None.
    The defaults are those of any other Hydra application: nothing is asked, nothing is shown.
    """

    request: Request = field(default_factory=Request)
    plan: Plan | None = None
    progress: Progress = field(default_factory=SilentProgress)
    observer: Observer = field(default_factory=IgnoreJobs)
    hopeless: Callable[[Path], str | None] = lambda _: None
    fail_fast: bool = False  # the first trial that fails ends the sweep
    detach: bool = False  # a launcher whose jobs run elsewhere starts them and does not wait
    instead: Run | None = None  # what our sweeper runs in place of its checklist


_current: ContextVar[SweepContext | None] = ContextVar("sweep", default=None)


def current_context() -> SweepContext:
    """Return the context of the sweep under way; the defaults outside of one."""
    return _current.get() or SweepContext()


@contextlib.contextmanager
def use_context(context: SweepContext) -> Iterator[None]:
    """Make `context` the current one inside the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
