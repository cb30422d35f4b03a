"""The trials of an Optuna study, in any storage."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.tables.table import Cell, RunTable
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.trainers.errors import short_message

__all__ = ["read_optuna"]


def read_optuna(storage: str, study: str | None, *, journal: bool = False) -> RunTable:
    """Return the trials of `study`, of the only one there is if None.

    Columns are the objectives, called `value` where the study does not name them, parameters and
    user attributes. `journal` says that `storage` is a file of Optuna's journal. Raises `UserError`
    where there is no such study.
    """
    shown = mask_secrets(storage)
    with _quiet(shown):
        import optuna

        opened: Any = storage
        if journal:
            from optuna.storages.journal import JournalFileBackend

            opened = optuna.storages.JournalStorage(JournalFileBackend(storage))
        names = optuna.get_all_study_names(opened)
    if study is None and len(names) == 1:
        [study] = names
    if study not in names:
        if not names:
            raise UserError(f"{shown} has no study")
        asked = f"no study {study!r} in" if study else "which study of"
        raise UserError(f"{asked} {shown}; say --study, " + nearest(study or "", names))
    with _quiet(shown):
        loaded = optuna.load_study(study_name=study, storage=opened)
        trials = loaded.get_trials(deepcopy=False)
    if not trials:
        raise UserError(f"Optuna's study {study!r} has no trials")
    columns, known = _objectives(loaded, trials)
    settings = []
    for kind in ("params", "user_attrs"):
        for name in dict.fromkeys(key for trial in trials for key in getattr(trial, kind)):
            column = f"{kind}.{name}" if name in columns or name in ("state", "number") else name
            columns[column] = [_cell(getattr(trial, kind).get(name)) for trial in trials]
            settings.append(column)
    columns["number"] = [float(trial.number) for trial in trials]
    columns["state"] = [trial.state.name for trial in trials]
    return RunTable(
        source=f"Optuna study {study}",
        columns=tuple(columns),
        rows=tuple(zip(*columns.values(), strict=True)),
        places=tuple(f"trial {trial.number}" for trial in trials),
        known={**known, "status": "state"},
        settings=tuple(settings),
    )


def _objectives(study: Any, trials: list[Any]) -> tuple[dict[str, list[Cell]], dict[str, str]]:
    """Return the objectives by name, and what the study says of them."""
    count = len(study.directions)
    names = study.metric_names or (
        ["value"] if count == 1 else [f"value_{i}" for i in range(count)]
    )
    columns: dict[str, list[Cell]] = {
        name: [trial.values[i] if trial.values else None for trial in trials]
        for i, name in enumerate(names)
    }
    known = {
        f"direction of {name}": "max" if direction.name == "MAXIMIZE" else "min"
        for name, direction in zip(names, study.directions, strict=True)
    }
    if count == 1:
        known["metric"] = names[0]
    return columns, known


def _cell(value: Any) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value if value is None or isinstance(value, str | bool) else str(value)


@contextlib.contextmanager
def _quiet(storage: str) -> Iterator[None]:
    """Let Optuna log nothing, and turn what its storage raises into one line."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of experimental storages
            yield
    except UserError:
        raise
    except Exception as error:
        reason = mask_secrets(short_message(error))
        raise UserError(f"Optuna's storage {storage} cannot be read: {reason}") from error
    finally:
        optuna.logging.set_verbosity(before)
