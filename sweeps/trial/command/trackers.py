"""Where a script's own MLflow and W&B runs are kept, and the metrics of those in MLflow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.mlflow_pages import all_experiments
from darkmagic.sweeps.trial.command.sqlite_store import SQLITE
from darkmagic.trainers.command.run import OUTPUT
from darkmagic.trainers.command.sources.values import Found

__all__ = ["own_environment", "read_mlflow", "store_of", "tracking_environment"]

URI, CONTEXT = "MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT"
WANDB_DIR = "WANDB_DIR"
TRIAL = "darkmagic.trial"
"""The tag that MLflow adds to every run that a trial's script makes, by `MLFLOW_RUN_CONTEXT`."""
STORE = "mlflow.db"
OLDEST_FIRST = ["attributes.start_time ASC"]
"""So that the last value is that of the last run, as of a script that went on in a new one."""


def tracking_environment(directory: Path) -> dict[str, str]:
    """Return the environment in which a script's own run can be told from others.

    A user's own MLflow store stays theirs, as its runs can be marked; a script of a user without
    one has it in the trial's folder. W&B's files, which have no such mark, are always there.
    """
    found = {CONTEXT: json.dumps({TRIAL: str(directory)}), **own_environment(directory / OUTPUT)}
    if URI in os.environ:
        del found[URI]
    return found


def own_environment(folder: Path) -> dict[str, str]:
    """Return the environment in which a script's own runs are kept in `folder` and nowhere else.

    >>> own_environment(Path("output"))["WANDB_DIR"]
    'output'
    """
    return {WANDB_DIR: str(folder), URI: f"{SQLITE}{folder}/{STORE}"}


def store_of(uri: str | None) -> str:
    """Return the user's MLflow store that scripts share: `uri`, or else the environment's, or ''.

    >>> store_of("sqlite:///mine.db")
    'sqlite:///mine.db'
    """
    return uri or os.environ.get(URI, "")


def read_mlflow(uri: str | None, directory: Path, since: float) -> Iterator[Found]:
    """Yield the metrics of the runs that the script of the trial in `directory` made.

    Of the store `uri`, which the user named, it is said too what is wrong there.
    """
    chosen = store_of(uri)
    if not chosen:
        return
    if chosen.startswith(SQLITE) and not Path(chosen.removeprefix(SQLITE)).exists():
        if uri:
            yield Found(f"its MLflow store {mask_secrets(uri)}, which is not there")
        return
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    found, runs = Found("its MLflow run"), 0
    try:
        client = MlflowClient(chosen)
        ids = [each.experiment_id for each in all_experiments(client)]
        mark = '"' if "'" in str(directory) else "'"
        own = f"tags.`{TRIAL}` = {mark}{directory}{mark}"
        query = f"attributes.start_time >= {int(1000 * since)} and {own}"
        for run in client.search_runs(ids, query, max_results=100, order_by=OLDEST_FIRST):
            runs += 1
            for name in run.data.metrics:
                for metric in client.get_metric_history(run.info.run_id, name):
                    found.add(name, metric.value, metric.step)
    except (ImportError, MlflowException, OSError) as error:  # a database's driver is missing
        reason = mask_secrets(" ".join(str(error).split()))[:200]
        print(f"its MLflow store cannot be read: {reason}", flush=True)  # noqa: T201 (the log)
        yield Found(f"its MLflow store, which cannot be read: {reason}")
        return
    if runs:
        yield found
    elif uri:
        yield Found(f"its MLflow store {mask_secrets(uri)}, which has no run of this trial")
