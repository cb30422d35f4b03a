"""The runs of an MLflow experiment, at any tracking URI."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.tables.table import Cell, RunTable
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.mlflow_pages import all_experiments
from darkmagic.sweeps.track.store import open_client, search_runs

__all__ = ["read_mlflow"]

PARENT = "mlflow.parentRunId"
OWN_TAGS = "mlflow."
MAX_NAMED = 8
"""Experiments in the question which of them is meant."""


def read_mlflow(uri: str, experiment: str | None) -> RunTable:
    """Return the runs of `experiment`, by name or id, of the only one there is if None.

    Columns are metrics, of which MLflow gives the last value, parameters and tags; `metrics.x` and
    `params.x` where several are called x. Raises `UserError` where there is no such experiment.
    """
    if uri.startswith("file:"):  # a store that MLflow no longer writes to, and that is read here
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    client = open_client(uri)
    found = _experiment(client, uri, experiment)
    runs = search_runs(client, found.experiment_id, {})
    parents = {run.data.tags[PARENT] for run in runs if PARENT in run.data.tags}
    empty = [run for run in runs if run.info.run_id in parents and not run.data.metrics]
    runs = [run for run in runs if run not in empty][::-1]  # the oldest first
    if not runs:
        raise UserError(f"MLflow's experiment {found.name!r} has no runs")
    kinds = {
        "metrics": [dict(run.data.metrics) for run in runs],
        "params": [dict(run.data.params) for run in runs],
        "tags": [_tags(run) for run in runs],
    }
    info = {"run_id": [], "run_name": [], "status": []}  # type: dict[str, list[Cell]]
    for run in runs:
        info["run_id"].append(run.info.run_id)
        info["run_name"].append(run.info.run_name)
        info["status"].append(run.info.status)
    columns, settings = _columns(kinds, info)
    notes = [f"{len(empty)} parent runs without metrics are left out."] if empty else []
    return RunTable(
        source=f"MLflow experiment {found.name}",
        columns=tuple(columns),
        rows=tuple(zip(*columns.values(), strict=True)),
        places=tuple(f"run {run.info.run_name} ({run.info.run_id[:8]})" for run in runs),
        known={"status": _key("status", columns, "status")},
        settings=tuple(settings),
        notes=tuple(notes),
    )


def _experiment(client: Any, uri: str, name: str | None) -> Any:
    known = all_experiments(client)
    names = [found.name for found in known]
    if name is not None:
        for found in known:
            if name in (found.name, found.experiment_id):
                return found
        raise UserError(f"no experiment {name!r} at {mask_secrets(uri)}; " + nearest(name, names))
    filled = _with_runs(client, known, MAX_NAMED + 1)
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise UserError(f"no experiment at {mask_secrets(uri)} has runs")
    shown = ", ".join(e.name for e in filled[:MAX_NAMED]) + ", ..." * (len(filled) > MAX_NAMED)
    raise UserError(
        f"which experiment at {mask_secrets(uri)}? Say --experiment and one of: {shown}"
    )


def _with_runs(client: Any, known: Sequence[Any], count: int) -> list[Any]:
    """Return those of the `known` experiments that have runs, up to `count` of them.

    A server is asked for one run of any that is not found yet, and so once for each found, not
    once for each there is: a team's server has thousands.
    """
    found: set[str] = set()
    while len(found) < count and len(found) < len(known):
        rest = [e.experiment_id for e in known if e.experiment_id not in found]
        runs = client.search_runs(rest, max_results=1)
        if not runs:
            break
        found.add(runs[0].info.experiment_id)
    return [each for each in known if each.experiment_id in found]


def _tags(run: Any) -> dict[str, Cell]:
    return {key: value for key, value in run.data.tags.items() if not key.startswith(OWN_TAGS)}


def _columns(
    kinds: dict[str, list[dict[str, Cell]]], info: dict[str, list[Cell]]
) -> tuple[dict[str, list[Cell]], list[str]]:
    """Return the columns, and those of them that are settings."""
    names = {kind: dict.fromkeys(k for run in runs for k in run) for kind, runs in kinds.items()}
    taken = [*info, *(name for found in names.values() for name in found)]
    columns: dict[str, list[Cell]] = {}
    settings = []
    for kind, runs in kinds.items():
        for name in names[kind]:
            column = name if taken.count(name) == 1 else f"{kind}.{name}"
            columns[column] = [run.get(name) for run in runs]
            if kind != "metrics":
                settings.append(column)
    for name, cells in info.items():
        columns[_key(name, columns)] = cells
    return columns, settings


def _key(name: str, columns: dict[str, list[Cell]], own: str = "") -> str:
    """Return the name of a column of MLflow's own, which another may have too."""
    clash = f"params.{name}" in columns or f"metrics.{name}" in columns or f"tags.{name}" in columns
    return f"info.{name}" if clash or (name in columns and not own) else name
