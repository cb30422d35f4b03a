"""Whether MLflow has made all of its tables in an SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

__all__ = ["SQLITE", "is_complete"]

SQLITE = "sqlite:///"
"""What the URI of such a file begins with."""


def is_complete(path: Path) -> bool:
    """Whether all of MLflow's tables were made: the first experiment is added after the last.

    Raises `sqlite3.DatabaseError` where the file cannot be read, or is no database.

    >>> is_complete(Path("mlflow.db"))
    False
    """
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
            return database.execute("SELECT 1 FROM experiments LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise
