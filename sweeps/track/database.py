"""MLflow's database: its tables appear all at once, and a database that refuses says so at once."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from filelock import FileLock

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.trial.command.sqlite_store import is_complete
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.outputs.durable import set_aside

__all__ = ["prepare_database", "sqlite_path"]

CONNECT_SECONDS = 10
LOCK_SECONDS = 120
"""MLflow makes its tables in seconds; whoever holds the lock for longer is stuck."""
SIDE_FILES = ("-journal", "-wal", "-shm")


def prepare_database(uri: str) -> None:
    """Make the tables of an SQLite file that is not there; try to connect to another database.

    A store that is no database, such as a server, is left to MLflow. MLflow itself makes its
    tables in dozens of steps, and a kill between two of them leaves a file that no later MLflow
    can finish. Here they are made in a file beside, which takes its name once it is complete.

    Raises `UserError` for a database that cannot be used.
    """
    if uri.startswith("sqlite:"):
        path = sqlite_path(uri)
        if path is not None and not _is_complete(path):
            _make_tables(path)
    elif uri.partition("://")[0].partition("+")[0] in ("postgresql", "mysql", "mssql"):
        _try_to_connect(uri)


def sqlite_path(uri: str) -> Path | None:
    """Return the absolute path of an SQLite URI's file; None if it has none, as in memory."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        name = make_url(uri).database
    except (SQLAlchemyError, ValueError):
        return None  # MLflow says what is wrong with it
    return None if not name or name == ":memory:" else Path(name).absolute()


def _is_complete(path: Path) -> bool:
    """Whether all of MLflow's tables were made; raise `UserError` for what is no database."""
    try:
        return is_complete(path)
    except sqlite3.OperationalError as error:
        raise UserError(f"MLflow's database {path} cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path} is no database ({error}); move it away, and the same command sends all that "
            "the trials' folders have to a new one"
        ) from error


def _make_tables(path: Path) -> None:
    """Make the database at `path`, one process at a time; what a kill left there is set aside."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            if _is_complete(path):
                return
            for left in (path, *(Path(f"{path}{end}") for end in SIDE_FILES)):
                if left.exists():
                    set_aside(left)  # it has no experiment, and so no run
            part = Path(f"{path}.part")
            for old in (part, *(Path(f"{part}{end}") for end in SIDE_FILES)):
                old.unlink(missing_ok=True)
            _initialize(part)
            part.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"cannot make MLflow's database {path}: {_reason(error)}") from error


def _initialize(path: Path) -> None:
    """Have MLflow make its tables in a new file."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.exc import SQLAlchemyError

    try:
        store = SqlAlchemyStore(f"sqlite:///{path}", "./mlruns")  # type: ignore[no-untyped-call]
    except SQLAlchemyError as error:
        raise OSError(short_message(error)) from error
    store.engine.dispose()


def _try_to_connect(uri: str) -> None:
    """Connect once, as MLflow tries ten times and for a hundred seconds, without a word."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    kind = uri.partition(":")[0].partition("+")[0]
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS} if kind != "mssql" else {}
    where = mask_secrets(uri)
    try:
        engine = create_engine(uri, connect_args=arguments)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
    except ModuleNotFoundError as error:
        raise UserError(
            f"MLflow's store at {where} needs the Python package {error.name}, which is not "
            f"installed: uv pip install {error.name}"
        ) from error
    except (SQLAlchemyError, OSError, TypeError, ValueError) as error:
        reason = mask_secrets(_reason(error))
        raise UserError(f"MLflow's store at {where} does not answer: {reason}") from error


def _reason(error: BaseException) -> str:
    """Return the error's first line, without the class of the driver that SQLAlchemy puts first."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    message = short_message(error)
    return message.partition(") ")[2] if message.startswith("(") else message
