"""Who trains an experiment: one process at a time, on one machine or on several that share it.

The holder is named in a file of the experiment's folder, whose time the holder renews.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.jobs.held import being_trained, holding
from darkmagic.sweeps.launch.jobs.holder import SILENT_SECONDS, Holder, read_holder

__all__ = ["HELD", "SILENT_SECONDS", "check_free", "hold_experiment", "hold_trials", "holder_of"]

HELD = ".held.json"
BEAT_SECONDS = 5.0
GUARD_SECONDS = 10.0


def check_free(folder: Path) -> None:
    """Raise `UserError` if another process holds the experiment in `folder`."""
    found = holder_of(folder)
    if found is not None:
        raise being_trained(_name(folder), found)


def holder_of(folder: Path) -> Holder | None:
    """Return the process that trains the experiment in `folder`; None if none does."""
    found = read_holder(folder / HELD)
    return found if found is not None and found.is_alive(folder / HELD) else None


@contextlib.contextmanager
def hold_experiment(folder: Path) -> Iterator[None]:
    """Hold the experiment in `folder` inside the block; a holder that is dead is replaced.

    Raises `UserError` if another process holds it, or if it cannot be written to.
    """
    with _hold({folder / HELD: _name(folder)}):
        yield


@contextlib.contextmanager
def hold_trials(folders: Sequence[Path]) -> Iterator[None]:
    """Hold single trials, each by its folder, inside the block."""
    with _hold({f.with_name(f"{HELD}.{f.name}"): f"the trial in {f}" for f in folders}):
        yield


def _name(folder: Path) -> str:
    return f"experiment {folder.name!r}"


@contextlib.contextmanager
def _hold(files: Mapping[Path, str]) -> Iterator[None]:
    """Hold every file of `files`, which says what each stands for."""
    ours = Holder.this_process()
    taken: list[Path] = []
    lost: list[UserError] = []
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(files, ours, stop, lost), daemon=True)
    try:
        for path, name in files.items():
            _take(path, ours, name)
            taken.append(path)
        beats.start()
        with holding(files, ours):
            yield
    except KeyboardInterrupt:
        if lost:
            raise lost[0] from None
        raise
    finally:
        stop.set()
        for path in taken:
            with contextlib.suppress(OSError):
                if read_holder(path) == ours:
                    path.unlink()


def _take(path: Path, ours: Holder, name: str) -> None:
    """Write `ours` to `path`. A lock beside it makes that one step for processes that lock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=GUARD_SECONDS):
            found = read_holder(path)
            if found is not None and found.is_alive(path):
                raise being_trained(name, found)
            part = path.with_name(f"{path.name}.{ours.token}")
            part.write_text(json.dumps(asdict(ours)) + "\n")
            part.replace(path)
    except Timeout:
        raise UserError(f"{name} is being started by another process: try again") from None
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"cannot make the folder {path.parent}: there is a file of that name"
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UserError(f"cannot write to {path.parent}: {reason}") from error
    found = read_holder(path)
    if found is not None and found != ours:  # on a file system whose locks do nothing
        raise being_trained(name, found)


def _beat(
    files: Mapping[Path, str], ours: Holder, stop: threading.Event, lost: list[UserError]
) -> None:
    """Renew the files' times. Interrupt this process if another took one, while it was stopped."""
    while not stop.wait(BEAT_SECONDS):
        for path, name in files.items():
            found = read_holder(path)
            if found is not None and found != ours:
                lost.append(being_trained(name, found))
                # To the main thread itself, as only that ends a call that it waits in.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            with contextlib.suppress(OSError):
                os.utime(path)
