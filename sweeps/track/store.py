"""MLflow's store: its URI, its client, and the search for runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps import mlflow_pages
from darkmagic.sweeps.slow import said_if_slow, say_on_stderr
from darkmagic.sweeps.track.database import prepare_database
from darkmagic.sweeps.track.gc_paused import pause_gc
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.runtime.cache import expand

__all__ = ["default_uri", "open_client", "run_pages", "search_runs"]


LOCAL_PAGES = "http://127.0.0.1:5000"
"""Where `mlflow ui` serves a store that is no server, unless it is told another port."""


def default_uri(configured: str | None, out: Path) -> str:
    """Return the tracking URI: the configured one, the environment's, or SQLite in `out`."""
    uri = configured or os.environ.get("MLFLOW_TRACKING_URI")
    return uri or f"sqlite:///{expand(out).absolute()}/mlflow.db"


def run_pages(uri: str, experiment_id: str) -> str:
    """Return what the address of a run's page begins with: on its server, or where `mlflow ui` is.

    >>> run_pages("http://me:secret@host:5000/", "3")
    'http://host:5000/#/experiments/3/runs/'
    >>> run_pages("sqlite:///runs/mlflow.db", "1")
    'http://127.0.0.1:5000/#/experiments/1/runs/'
    """
    parts = urlsplit(uri)
    server = LOCAL_PAGES
    if parts.scheme in ("http", "https"):  # without the user, the password and the query
        host = parts.netloc.rpartition("@")[2]
        server = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    return f"{server}/#/experiments/{experiment_id}/runs/"


@pause_gc()  # MLflow is imported in here, and its store with the first client
def open_client(uri: str, *, say: Callable[[str], None] | None = say_on_stderr) -> Any:
    """Return an `MlflowClient` of `uri`. Raises `UserError` if its store does not answer.

    `say` is told of a store that lets itself be waited for.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody asked the user
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # users need no log of migrations
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints a traceback for each call that a database refuses; the tracker notes one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # "View run ... at"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    where = mask_secrets(uri)
    waiting = f"MLflow's store at {where} is slow: waiting up to a minute for its first answer"
    with said_if_slow(say, waiting) if say else nullcontext():
        prepare_database(uri)
        try:
            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
        except Exception as error:
            reason = mask_secrets(short_message(error))
            raise UserError(f"MLflow's store at {where} does not answer: {reason}") from error
    return client


def search_runs(
    client: Any, experiments: str | Sequence[str], tags: Mapping[str, str]
) -> list[Any]:
    """Return every run with `tags`, newest first, over as many pages as there are.

    `experiments` is the id of one, or those of several.
    """
    ids = [experiments] if isinstance(experiments, str) else list(experiments)
    plain = {name: value for name, value in tags.items() if "'" not in value}
    clauses = " and ".join(f"tags.`{name}` = '{value}'" for name, value in plain.items())
    runs, token = [], None
    while True:
        page = client.search_runs(ids, clauses, max_results=mlflow_pages.A_PAGE, page_token=token)
        # A filter of MLflow's has no way to write a quote, such as that of the name o'brien.
        runs += [r for r in page if all(r.data.tags.get(k) == v for k, v in tags.items())]
        token = page.token
        if not token:
            return runs
