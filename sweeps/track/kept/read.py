"""The snapshot of a sweep: from what is kept beside the store, or from MLflow, which is then kept.

A sweep leaves its answers at its end, so that the report after it needs no MLflow. They count only
while the store's file is in the state that it was read in. Artifacts are read from their own files
in either case.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from darkmagic.sweeps.track.kept.answers import Answers, NotKept, Recorder, Replayer
from darkmagic.sweeps.track.kept.state import State, store_file, store_state
from darkmagic.sweeps.track.snapshot import Snapshot, newest_sweep, take_snapshot
from darkmagic.sweeps.track.store import open_client

__all__ = ["keep_answers", "kept_path", "read_snapshot"]

MAX_RUNS = 300
"""Their curves, at two hundred epochs each, are 3 MB, which take 0.1 s to read."""
FORM = 1
"""Of the file; one of another form is not read."""


def kept_path(store: Path) -> Path:
    """Return the file beside `store` that answers are kept in."""
    return store.with_name(f"{store.name}.kept.json")


def read_snapshot(uri: str, experiment: str | None, *, curves: bool = False) -> Snapshot:
    """Return all that MLflow knows of the newest sweep of `experiment`, of all if None.

    Raises `UserError` if there is no such sweep.
    """
    path = store_file(uri)
    kept = None if path is None else _read(path, store_state(path))
    if kept is not None:
        with contextlib.suppress(NotKept):
            return _ask(Replayer(kept, uri), uri, experiment, curves=curves)
    return _ask_and_keep(uri, experiment, curves=curves)


def keep_answers(uri: str, experiment: str, *, runs: int = 0) -> None:
    """Keep what reports of `experiment` and of the newest sweep ask.

    Their curves too, unless `runs`, of which each has some, are so many that reading them all for
    a table would take longer than it saves. Does nothing where the store is of a kind whose answers
    are not kept.
    """
    if store_file(uri) is not None:
        _ask_and_keep(uri, experiment, curves=runs <= MAX_RUNS, also_newest=True)


def _ask_and_keep(
    uri: str, experiment: str | None, *, curves: bool = False, also_newest: bool = False
) -> Snapshot:
    client = open_client(uri)
    path = store_file(uri)
    before = None if path is None else store_state(path)
    if path is None or before is None:
        return _ask(client, uri, experiment, curves=curves)
    recorder = Recorder(client)
    if also_newest:
        newest_sweep(recorder, uri, None)
    snapshot = _ask(recorder, uri, experiment, curves=curves)
    if store_state(path) == before:  # or else the answers may be of several states
        answers = _read(path, before) or Answers()
        answers.update(recorder.answers)
        with contextlib.suppress(OSError):  # a folder that only others may write to
            _write(path, before, answers)
    return snapshot


def _ask(client: Any, uri: str, experiment: str | None, *, curves: bool) -> Snapshot:
    return take_snapshot(client, newest_sweep(client, uri, experiment), curves=curves)


def _read(store: Path, state: State | None) -> Answers | None:
    """Return what is kept of `store`; None without it, and if the store has another state now."""
    if state is None:
        return None
    try:
        head, _, answers = kept_path(store).read_text(encoding="utf-8").partition("\n")
        if json.loads(head) != _head(state, answers):  # of another state, another form, or damaged
            return None
        return Answers(**json.loads(answers))
    except (OSError, ValueError):
        return None


def _head(state: State, answers: str) -> dict[str, Any]:
    return {
        "form": FORM,
        "state": state,
        "sha256": hashlib.sha256(answers.encode()).hexdigest(),
    }


def _write(store: Path, state: State, answers: Answers) -> None:
    """Write what is kept, at once and as a whole, whoever else writes it."""
    path = kept_path(store)
    text = json.dumps(asdict(answers))
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(json.dumps(_head(state, text)) + "\n" + text)
        Path(name).chmod(store.stat().st_mode & 0o666)  # who may read the store may read this
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
