"""The table of runs of a source, whichever kind it is."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys
from pathlib import Path

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.tables.table import RunTable
from darkmagic.sweeps.sources.text import read_text

__all__ = ["STDIN", "read_source"]

STDIN = "-"
MAX_NAME = 255  # that file systems have
MLFLOW = "mlflow"
SQLITE = b"SQLite format 3\0"


def read_source(
    source: str, *, experiment: str | None = None, study: str | None = None
) -> RunTable:
    """Return the table of runs of `source`; raise `UserError` where there is none.

    A source is a file of text, `-` for standard input, a folder of TensorBoard's event files, a
    database of MLflow's or Optuna's as a file or a URI, a folder `mlruns`, Optuna's journal, or
    `mlflow` for the store that MLFLOW_TRACKING_URI names. `experiment` and `study` say which of
    those in a store.
    """
    if not source.strip():
        raise UserError("the source has no name: name a file, a store or a folder of runs")
    if source == STDIN:
        if sys.stdin.isatty():
            raise UserError("nothing is piped in: cat runs.csv | darkmagic judge -")
        return read_text("standard input", sys.stdin.buffer.read())
    if "://" in source:
        return _of_uri(source, experiment, study)
    path = Path(source).expanduser()
    _check_name(path)
    if path.exists() and not (path.is_dir() or path.is_file()):
        raise UserError(f"{source} is no file; pipe what it has: cat {source} | darkmagic judge -")
    if path.is_dir():
        return _of_folder(path, experiment)
    if path.is_file():
        return _of_file(path, experiment, study)
    if source == MLFLOW:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            raise UserError("MLFLOW_TRACKING_URI is not set: give the store, such as mlflow.db")
        return _mlflow(uri, experiment)
    raise UserError(f"no file {source}; " + _near(path))


def _check_name(path: Path) -> None:
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise UserError(f"no file {path.name[:40]}...: a file's name has up to {MAX_NAME} bytes")


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return nearest(path.name, [p.name for p in path.parent.iterdir()])


def _of_folder(path: Path, experiment: str | None) -> RunTable:
    from darkmagic.sweeps.sources.tensorboard_runs import is_event_folder, read_tensorboard

    if any(path.glob("*/meta.yaml")):
        return _mlflow(path.absolute().as_uri(), experiment)
    if is_event_folder(path):
        return read_tensorboard(path)
    raise UserError(
        f"folder {path} has neither TensorBoard's event files nor MLflow's runs; "
        + nearest("", [p.name for p in path.iterdir()])
    )


def _of_file(path: Path, experiment: str | None, study: str | None) -> RunTable:
    with path.open("rb") as file:
        first = file.read(len(SQLITE))
    if first == SQLITE:
        return _of_uri(f"sqlite:///{path.absolute()}", experiment, study)
    if _is_journal(path):
        return _optuna(str(path), study, journal=True)
    return read_text(path.name, path.read_bytes())


def _is_journal(path: Path) -> bool:
    """Whether a file is a journal of Optuna's: lines of JSON with the code of a change each."""
    with path.open("rb") as file:
        return b'"op_code"' in file.readline(2000)


def _of_uri(uri: str, experiment: str | None, study: str | None) -> RunTable:
    """Return the table in a store: Optuna's where it is one, else MLflow's."""
    sqlite = re.match(r"sqlite(\+\w+)?:///([^?]*)", uri)
    if sqlite is None:
        return _optuna(uri, study) if study is not None else _mlflow(uri, experiment)
    path = Path(sqlite[2])
    _check_name(path)
    if not path.is_file():
        raise UserError(f"no database {path}; " + _near(path))
    rows = _rows(path)
    if rows.get("studies") is not None and (study is not None or "experiments" not in rows):
        return _optuna(uri, study)
    if "experiments" not in rows:
        raise UserError(f"{path} is a database neither of MLflow's nor of Optuna's")
    if not rows["experiments"]:  # which our own store would set aside, and make anew
        raise UserError(f"MLflow's database {path} has no experiment")
    return _mlflow(uri, experiment)


def _rows(path: Path) -> dict[str, int]:
    """Return how many rows the tables of the SQLite file have that tell whose it is."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            return {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for table in ("studies", "experiments")
                if table in there
            }
    except sqlite3.Error as error:
        raise UserError(f"{path} cannot be read as a database: {error}") from None


def _mlflow(uri: str, experiment: str | None) -> RunTable:
    from darkmagic.sweeps.sources.mlflow_runs import read_mlflow

    return read_mlflow(uri, experiment)


def _optuna(storage: str, study: str | None, *, journal: bool = False) -> RunTable:
    from darkmagic.sweeps.sources.optuna_study import read_optuna

    return read_optuna(storage, study, journal=journal)
