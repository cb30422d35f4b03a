"""What a pool is given to run, and how each of it ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkmagic.sweeps.launch.local import fork_server

__all__ = ["Call", "Ended", "Retry", "collect"]


@dataclass(frozen=True)
class Call:
    """A function of the child's and its arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """How a call ended: with a value, or with the error message.

    `stalled` says that its child was ended, as the call made no progress; `unneeded` that it was
    ended as its value is not needed.
    """

    value: Any
    error: str | None
    exit_code: int | None
    stalled: bool = False
    unneeded: bool = False


@dataclass(frozen=True)
class Retry:
    """Why a call is made again, with `env` added to its environment.

    `alone` on its device, after all others, or at once. With `blames_neighbours` only if there
    were any.
    """

    reason: str
    alone: bool = True
    blames_neighbours: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


def collect(job: fork_server.Job) -> Ended:
    """Read a child's answer; the pipe is at its end if the child died without one."""
    try:
        value, error = job.result(), None
    except EOFError:
        value, error = None, "it ended without a result"
    code = job.exit_code(answered=error is None)
    job.connection.close()
    job.end_group()
    if error is None and code == 0:
        return Ended(value, None, code)
    return Ended(value, _describe_exit(code), code)


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    return f"the process exited with code {code}"
