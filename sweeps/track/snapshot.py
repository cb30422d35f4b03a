"""Snapshot of a sweep in MLflow: everything that a report is made of."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.mlflow_pages import all_experiments
from darkmagic.sweeps.track.cards import CARDS, IMAGES, read_json
from darkmagic.sweeps.track.rules import metric_name, parse_rules
from darkmagic.sweeps.track.schema.metrics import VAL_IMAGES, curve_of
from darkmagic.sweeps.track.schema.read import read_record
from darkmagic.sweeps.track.schema.tags import (
    EXPERIMENT,
    KIND,
    PARENT,
    RECIPE,
    RULES,
    STATUS,
    has_trial_tags,
    run_key,
)
from darkmagic.sweeps.track.store import run_pages, search_runs
from darkmagic.trainers.outputs.correct import read_correct
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CORRECT

__all__ = ["Snapshot", "newest_sweep", "take_snapshot"]

SCHEDULES = ("lr", "weight_decay")
THREADS = 8
"""Concurrent downloads: a tracking server takes a while to answer each."""


@dataclass(frozen=True)
class Snapshot:
    """A sweep at one moment. `tags` are its parent run's and `run_tags` each trial's, by run.

    `other_sweeps` are the tags of those of other recipes in the experiment, newest first, and
    `studies` those of what was tuned in it.
    `histories` has by run a value an epoch, of `lr`, `weight_decay` and `value`, which decides.
    `params` are the settings of every run, and `pages` is what the address of its page in MLflow
    begins with, empty where it has none that others could open. `images` are those of the data.
    """

    experiment: str
    tags: Mapping[str, str]
    records: tuple[TrialRecord, ...]
    run_tags: Mapping[str, Mapping[str, str]]
    cards: Mapping[str, str] = field(default_factory=dict)
    histories: Mapping[str, Mapping[str, Mapping[int, float]]] = field(default_factory=dict)
    other_sweeps: tuple[Mapping[str, str], ...] = ()
    studies: tuple[Mapping[str, str], ...] = ()
    params: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pages: str = ""
    images: Mapping[str, Any] = field(default_factory=dict)


def newest_sweep(client: Any, uri: str, experiment: str | None) -> Any:
    """Return the parent run of the newest sweep of `experiment`, of all of them if None.

    Raises `UserError` if there is none.
    """
    experiments = {e.name: e.experiment_id for e in all_experiments(client)}
    if experiment is not None and experiment not in experiments:
        sweeps = search_runs(client, list(experiments.values()), {KIND: "sweep"})
        having = {run.info.experiment_id for run in sweeps}
        swept = [name for name, id_ in experiments.items() if id_ in having]
        instead = nearest(experiment, swept) if swept else "start one with: darkmagic checklist run"
        raise UserError(f"no experiment {experiment!r} at {mask_secrets(uri)}; {instead}")
    chosen = list(experiments.values()) if experiment is None else [experiments[experiment]]
    sweeps = search_runs(client, chosen, {KIND: "sweep"})
    if not sweeps:
        where = f"experiment {experiment!r}" if experiment else mask_secrets(uri)
        raise UserError(f"no sweep in {where} yet; start one with: darkmagic checklist run")
    return max(sweeps, key=lambda run: run.info.start_time)


def take_snapshot(client: Any, parent: Any, *, curves: bool = False) -> Snapshot:
    """Return all that MLflow knows of the sweep with the run `parent`; reads nothing else."""
    tags = {KIND: "trial", PARENT: parent.info.run_id}
    metric = metric_name(parse_rules(parent.data.tags.get(RULES)))
    runs = _one_a_trial(search_runs(client, parent.info.experiment_id, tags))
    sweeps = search_runs(client, parent.info.experiment_id, {KIND: "sweep"})
    studies = search_runs(client, parent.info.experiment_id, {KIND: "study"})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(THREADS) as pool:
        cards = read_json(_artifact(client, parent, CARDS, Path(folder)))
        images = read_json(_artifact(client, parent, IMAGES, Path(folder)))
        bits = pool.map(lambda run: _correct(client, run, Path(folder)), runs)
        records = [
            read_record(run.data.tags, run.data.metrics, run.info.run_id, of_run, metric=metric)
            for run, of_run in zip(runs, bits, strict=True)
        ]
        histories = _histories(client, records, pool, curve_of(metric)) if curves else {}
    records.sort(key=lambda r: (r.seed, r.trick or "", r.option or ""))
    return Snapshot(
        experiment=parent.data.tags[EXPERIMENT],
        tags=parent.data.tags,
        records=tuple(records),
        run_tags={run.info.run_id: run.data.tags for run in runs},
        cards=cards,
        images=images,
        histories=histories,
        other_sweeps=tuple(
            run.data.tags
            for run in sweeps
            if run.data.tags.get(RECIPE) != parent.data.tags.get(RECIPE)
        ),
        studies=tuple(run.data.tags for run in studies),
        params={run.info.run_id: run.data.params for run in runs},
        pages=run_pages(str(client.tracking_uri), parent.info.experiment_id),
    )


def _one_a_trial(runs: Sequence[Any]) -> list[Any]:
    """Return one run of each trial: a server whose answer was lost may have made two of one."""
    chosen: dict[tuple[str, ...], Any] = {}
    for run in runs:
        if has_trial_tags(run.data.tags):
            key = run_key(run.data.tags)
            if key not in chosen or (_has_ended(run) and not _has_ended(chosen[key])):
                chosen[key] = run
    return list(chosen.values())


def _has_ended(run: Any) -> bool:
    return run.data.tags.get(STATUS) not in (None, Status.PENDING, Status.RUNNING)


def _correct(client: Any, run: Any, folder: Path) -> Any:
    if VAL_IMAGES not in run.data.metrics:
        return None
    path = _artifact(client, run, CORRECT, folder / run.info.run_id)
    images = int(run.data.metrics[VAL_IMAGES])
    try:
        return read_correct(path, images) if path is not None else None
    except DamagedFileError:  # the images are left out of this run's statistics
        return None


def _artifact(client: Any, run: Any, name: str, folder: Path) -> Path | None:
    """Return the path of an artifact: its own file, or a copy of it in `folder`."""
    location = urlparse(run.info.artifact_uri)
    if location.scheme in ("", "file"):
        return Path(unquote(location.path)) / name
    from mlflow.exceptions import MlflowException

    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Path(client.download_artifacts(run.info.run_id, name, str(folder)))
    except (MlflowException, OSError):
        return None


def _histories(
    client: Any, records: Sequence[TrialRecord], pool: ThreadPoolExecutor, decides: str
) -> dict[str, dict[str, dict[int, float]]]:
    """Read a value an epoch; schedules do not depend on the seed, so one run a trial is enough."""
    finished = [r for r in records if r.status in (Status.FINISHED, Status.DIVERGED)]
    first = {record.name: record for record in reversed(finished)}
    found: dict[str, dict[str, dict[int, float]]] = {}
    for name in (decides, *SCHEDULES):
        runs = [r.run_id for r in (finished if name == decides else first.values())]
        values = pool.map(lambda run, name=name: client.get_metric_history(run, name), runs)
        found["value" if name == decides else name] = {
            run: {metric.step: metric.value for metric in history}
            for run, history in zip(runs, values, strict=True)
        }
    return found
