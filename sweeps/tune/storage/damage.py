"""What goes wrong with the file that a study is stored in, as a line that names it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from darkmagic.checklist.errors import UserError
from darkmagic.trainers.errors import short_message

__all__ = ["damage_named", "writing_named"]


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise `UserError` for whatever stops the block from opening and reading the study in `path`.

    A damaged file shows in as many ways as it has columns: no JSON, no state, no row.
    """
    try:
        yield
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError

        kinds = (SQLAlchemyError, RuntimeError, ValueError, LookupError, TypeError)
        if isinstance(error, UserError) or not isinstance(error, kinds):
            raise
        raise UserError(
            f"cannot use {path} as the storage of a study: {short_message(error)}; move it "
            "away, and the study starts from the trials in MLflow"
        ) from error


@contextlib.contextmanager
def writing_named(path: Path) -> Iterator[None]:
    """Raise `UserError` where the block cannot read or write the study in `path`, as on a full disk
    or while another program holds it.
    """
    try:
        yield
    except Exception as error:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, SQLAlchemyError | StorageInternalError):
            raise
        cause = error.__cause__ or error
        raise UserError(
            f"cannot read or write the study in {path}: {short_message(cause)}; the same command "
            "goes on when it can"
        ) from error
