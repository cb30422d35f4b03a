"""A trial of our own loop: from a resolved configuration to a recipe, and to its result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.utils import instantiate

from darkmagic.checklist.secrets import mask_nested, masked_traceback
from darkmagic.sweeps.trial.former_names import current_node
from darkmagic.sweeps.trial.identity import identity
from darkmagic.sweeps.trial.paths import decides
from darkmagic.sweeps.trial.pretraining import without_pretraining
from darkmagic.sweeps.trial.retry import WITHOUT_GRAPHS
from darkmagic.sweeps.trial.settings import recipe_numbers
from darkmagic.trainers.data.items import as_data_set
from darkmagic.trainers.errors import own_error
from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.outputs.names import CHECKPOINT
from darkmagic.trainers.outputs.result import Result
from darkmagic.trainers.outputs.result_file import read_sound_result, write_result
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.cache import cache_folder
from darkmagic.trainers.runtime.cores import processes_wanted, take_share
from darkmagic.trainers.runtime.elastic import run_in_processes
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import NotApplicable, TrialSkipped

__all__ = ["make_recipe", "train_recipe", "upstream_config"]


def train_recipe(resolved: dict[str, Any], directory: Path) -> Result:
    """Train the recipe that `resolved` configures; an error is a result too.

    Where the launcher gave it several GPUs, a process of each trains it.
    """
    count = processes_wanted()
    if count == 1:
        return _train_here(resolved, directory)
    try:
        if resolved["tricks"].get("pretrain", {}).get("weights") == "upstream":
            make_recipe(resolved, directory)  # one process trains the weights that all begin with
        found = run_in_processes(count, _train_share, resolved, directory)
        assert isinstance(found, Result)
    except TrialSkipped as finding:
        return Result("skipped", str(finding))
    except Exception as error:  # noqa: BLE001 (a trial's failure is a row of the table)
        sys.stderr.write(masked_traceback())
        return Result("failed", own_error(error))
    return found


def _train_share(resolved: dict[str, Any], directory: Path) -> Result:
    """Train as one of several processes: one that fails ends all of them."""
    result = _train_here(resolved, directory)
    if result.status == "failed":
        raise RuntimeError(result.reason)
    return result


def _train_here(resolved: dict[str, Any], directory: Path) -> Result:
    try:
        recipe = make_recipe(resolved, directory)
        if WITHOUT_GRAPHS in os.environ:
            recipe = dataclasses.replace(recipe, cuda_graphs="off")
        return train(recipe, directory)
    except NotApplicable as finding:
        return Result("not_applicable", str(finding))
    except TrialSkipped as finding:
        return Result("skipped", str(finding))
    except Exception as error:  # noqa: BLE001 (a trial's failure is a row of the table)
        sys.stderr.write(masked_traceback())
        return Result("failed", own_error(error))


def make_recipe(resolved: dict[str, Any], directory: Path | None = None) -> Recipe:
    """Instantiate what the configuration names. Upstream weights are trained if need be.

    `directory` gets the events of upstream training; without one (to look at the recipe
    only) upstream weights that are not there yet raise `TrialSkipped`.
    """
    take_share()  # all that measures or trains begins here, and the fork server may have no torch
    pretrain = resolved["tricks"].get("pretrain", {})
    upstream = pretrain.get("weights") == "upstream"
    if upstream:
        pretrain = {**pretrain, "after_edits": True}
        resolved = {**resolved, "tricks": {**resolved["tricks"], "pretrain": pretrain}}
    # By name: a trial's identity has no order, so nor may what its tricks do one after another.
    nodes = {name: current_node(node) for name, node in sorted(resolved["tricks"].items())}
    tricks = {name: instantiate(node) for name, node in nodes.items()}
    refuse_conflicts(tricks)  # before weights are trained for nothing
    if upstream:
        weights = _upstream_weights(resolved, directory)
        tricks["pretrain"] = instantiate({**pretrain, "weights": str(weights)})
    return Recipe(
        dataset=as_data_set(instantiate(resolved["dataset"]["source"])),
        build=instantiate(resolved["model"]["build"]),
        tricks=tricks,
        output=resolved["model"].get("output"),
        metric=decides(resolved),
        **{**recipe_numbers(resolved), "cache": str(cache_folder(resolved["runtime"]["cache"]))},
    )


def upstream_config(resolved: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration that trains the same network on the upstream data.

    Its seed is fixed: every seed of the trial starts from one set of weights, as trials
    that start from published weights do. Raises `TrialSkipped` where the data set names
    no upstream.
    """
    upstream = resolved["dataset"].get("upstream")
    if upstream is None:
        raise TrialSkipped(
            f"dataset {resolved['dataset']['name']!r} names no upstream set to pretrain on; "
            "give model.pretrained=torchvision or a file of weights"
        )
    return {
        **without_pretraining(resolved),
        "dataset": {"name": "upstream", "source": upstream["source"]},
        "epochs": upstream["epochs"],
        "seed": 0,
        "test_set": False,
        "folds": None,
    }


def _upstream_weights(resolved: dict[str, Any], directory: Path | None) -> Path:
    """Return the checkpoint of the upstream training, which the first to ask for trains."""
    config = upstream_config(resolved)
    folder = cache_folder(resolved["runtime"]["cache"]) / "upstream" / identity(config)
    folder.mkdir(parents=True, exist_ok=True)
    log = None if directory is None else EventLog(directory)
    with _lock(folder / ".lock", log):
        result = read_sound_result(folder)
        if result is None:
            if log is None:
                raise TrialSkipped("its upstream weights are not trained yet")
            result = _train_upstream(config, folder, log)
    if result["status"] != "finished":
        raise TrialSkipped(f"upstream training {result['status']}: {result['reason']}")
    return folder / CHECKPOINT


def _train_upstream(config: dict[str, Any], folder: Path, log: EventLog) -> dict[str, Any]:
    """Train, and return the result, which is kept unless an error ended it.

    The network may take the trial's images and not those upstream, of another size.
    """
    try:
        outcome = train(
            make_recipe(config, folder),
            folder,
            on_event=lambda event: log.append({**event, "type": "upstream"}),
            on_alive=log.beat,
        )
    except (NotApplicable, TrialSkipped):
        raise
    except Exception as error:
        sys.stderr.write(masked_traceback())
        raise TrialSkipped(f"upstream training failed: {own_error(error)}") from error
    write_result(folder, mask_nested(outcome.as_dict()))
    return outcome.as_dict()


@contextlib.contextmanager
def _lock(path: Path, log: EventLog | None) -> Iterator[None]:
    """Hold the lock at `path`; while another holds it, `log` shows that this trial is alive."""
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            if log is not None:
                log.beat()
    try:
        yield
    finally:
        lock.release()
