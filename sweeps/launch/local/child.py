"""What a child of the fork server does: it runs one function, and ends when its owner does."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import cloudpickle

from darkmagic.trainers.runtime.cores import THREADS

__all__ = ["end_child", "import_from_here", "run_child"]

SECONDS_TO_END = 5.0
"""That a child has for what it started, when its owner is gone."""


def run_child(
    payload: bytes, owner: Connection, env: Mapping[str, str], threads: int | None
) -> None:
    """Run what cloudpickle made a `payload` of, a function and its arguments; send its value."""
    os.setpgid(0, 0)  # what it starts can be ended with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the orchestrator's to handle
    faulthandler.register(signal.SIGUSR1, file=2)
    threading.Thread(target=_exit_with, args=(owner,), daemon=True).start()
    os.environ.update(env)
    if threads is not None:
        os.environ[THREADS] = str(threads)
    import_from_here()
    if threads is not None and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    function, args = cloudpickle.loads(payload)
    owner.send_bytes(cloudpickle.dumps(function(*args)))


def import_from_here() -> None:
    """Have users' own modules found in the current folder, as `python -m` finds them."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _exit_with(owner: Connection) -> None:
    """End this process when its owner ends, in whatever way.

    Nothing is ever sent here, so the pipe becomes readable only when its other side is gone.
    """
    with contextlib.suppress(OSError):
        owner.poll(None)
    end_child()


def end_child() -> NoReturn:
    """End this process, a child of the server, from any thread of it."""
    os.kill(os.getpid(), signal.SIGTERM)  # a command is ended with all that it started
    time.sleep(SECONDS_TO_END)
    os._exit(1)
