"""Metrics in the MLflow run that a script made itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from darkmagic.trainers.command.sources.values import Found

__all__ = ["read_mlflow", "tracking_environment"]

URI, CONTEXT = "MLFLOW_TRACKING_URI", "MLFLOW_RUN_CONTEXT"
TRIAL = "darkmagic.trial"
"""The tag that MLflow adds to every run that a trial's script makes, by `MLFLOW_RUN_CONTEXT`."""
STORE = "mlflow.db"


def tracking_environment(directory: Path) -> dict[str, str]:
    """Return the environment in which a script's own run can be told from others.

    A user's own store stays theirs; a script of a user without one has it in the trial's folder.
    """
    found = {CONTEXT: json.dumps({TRIAL: str(directory)})}
    if URI not in os.environ:
        found[URI] = f"sqlite:///{directory}/output/{STORE}"
    return found


def read_mlflow(uri: str | None, directory: Path, since: float) -> Iterator[Found]:
    """Yield the metrics of the runs that the script of the trial in `directory` made."""
    chosen = uri or os.environ.get(URI, "")
    path = Path(chosen.removeprefix("sqlite:///"))
    if chosen.startswith("sqlite:") and not path.exists():
        return
    if not chosen:
        return
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    found = Found("its MLflow run")
    try:
        client = MlflowClient(chosen)
        ids = [each.experiment_id for each in client.search_experiments()]
        query = f"attributes.start_time >= {int(1000 * since)}"
        for run in client.search_runs(ids, query, max_results=100):
            if run.data.tags.get(TRIAL) != str(directory):
                continue
            for name in run.data.metrics:
                for metric in client.get_metric_history(run.info.run_id, name):
                    found.add(name, metric.value, metric.step)
    except (MlflowException, OSError) as error:
        print(f"its MLflow store cannot be read: {error}", flush=True)  # noqa: T201 (the log)
    yield found
