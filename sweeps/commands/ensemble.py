"""Predictions of several trained trials, averaged: `darkmagic ensemble`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, wait_for
from darkmagic.sweeps.track.kept.read import read_snapshot
from darkmagic.sweeps.track.rules import METRICS, metric_name, parse_rules
from darkmagic.sweeps.track.schema.tags import RULES
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.paths import decides, is_edited
from darkmagic.sweeps.trial.pretraining import without_pretraining
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.metrics.names import OURS
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CONFIG, RESULT
from darkmagic.trainers.outputs.result_file import read_result
from darkmagic.trainers.runtime.cache import expand

if TYPE_CHECKING:
    from darkmagic.trainers.ensemble import Ensemble

__all__ = ["EnsembleKind", "Member", "choose_members", "ensemble", "find_experiment", "find_metric"]


class EnsembleKind(StrEnum):
    """Which runs are the members of an ensemble."""

    SEEDS = "seeds"  # one trial under several seeds
    TRIALS = "trials"  # the best run of each of several trials


def find_experiment(out: Path, experiment: str | None) -> Path:
    """Return the folder of `experiment` under `out`, of the one that trained last if None.

    Raises `UserError` if there is none.
    """
    out = expand(out).absolute()
    results = list(out.glob(f"*/*/{RESULT}"))
    known = {path.parent.parent.name for path in results}
    if not known:
        raise UserError(f"no trained runs in {out}; start with: darkmagic checklist run")
    if experiment is None:
        return max(results, key=lambda path: path.stat().st_mtime).parent.parent
    if experiment not in known:
        raise UserError(f"no experiment {experiment!r} in {out}; " + nearest(experiment, known))
    return out / experiment


@dataclass(frozen=True)
class Member:
    """A trained run: its trial, seed, directory, and value of the metric that decides.

    None where it was trained for another metric, and has no value of this one.
    """

    trial: str
    seed: int
    directory: Path
    value: float | None


def find_metric(folder: Path, named: str | None = None) -> str:
    """Return the name of the metric that decides in the experiment in `folder`.

    It is the one that is `named`; else what its sweep was judged by, in MLflow's store; else, of
    runs without a sweep there, what they were trained for. Raises `UserError` for another name,
    where they differ, and for the runs of a command.
    """
    if named is not None and named not in METRICS:
        raise UserError(f"--metric={named}: no such metric; " + nearest(named, list(METRICS)))
    known = [read for path in sorted(folder.glob(f"*/{CONFIG}")) if (read := _read_config(path))]
    if any(is_command(resolved) for resolved in known):
        raise UserError(
            f"the runs in {folder} are of a command, whose networks only it can load: there is no "
            "ensemble of them"
        )
    if named is not None:
        return named
    with contextlib.suppress(UserError):  # no store, or no sweep in it
        uri = default_uri(None, folder.parent)
        if not uri.startswith("sqlite:") or Path(uri.removeprefix("sqlite:///")).exists():
            return metric_name(parse_rules(read_snapshot(uri, folder.name).tags.get(RULES)))
    found = {decides(resolved) for resolved in known} or {"accuracy"}
    if len(found) > 1:
        raise UserError(
            f"the runs in {folder} were trained for several metrics; say which decides: "
            f"--metric {' or '.join(sorted(found))}"
        )
    return found.pop()


def _read_config(path: Path) -> dict[str, Any] | None:
    """Return the configuration in `path`; None for a file that is damaged, which others name."""
    try:
        content = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    return content if isinstance(content, dict) else None


def choose_members(
    folder: Path, *, of: EnsembleKind, trial: str, count: int, metric: str = "accuracy"
) -> list[Member]:
    """Return `count` finished runs of the experiment in `folder`.

    `SEEDS` takes the runs of `trial`, in the order of their seeds; `TRIALS` the best run of each
    of the best trials, by `metric`. Raises `UserError` if there are too few.
    """
    if count < 2:
        raise UserError(f"-k {count}: an ensemble has 2 members or more")
    paths = sorted(folder.glob(f"*/{RESULT}"))
    found = [member for path in paths if (member := _member(path.parent, metric))]
    if not found:
        raise UserError(f"no finished runs in {folder}; start with: darkmagic checklist run")
    if of is EnsembleKind.SEEDS:
        known = {member.trial for member in found}
        if trial not in known:
            raise UserError(f"no finished run of {trial!r} in {folder}; " + nearest(trial, known))
        chosen = sorted((m for m in found if m.trial == trial), key=lambda m: m.seed)
    else:
        chosen = _best_of_trials(found, metric)
    if len(chosen) < count:
        have = f"{len(chosen)} {'seeds of ' + trial if of is EnsembleKind.SEEDS else 'trials'}"
        more = (
            f"darkmagic checklist run seeds={count}"
            if of is EnsembleKind.SEEDS
            else "give a smaller -k"
        )
        raise UserError(f"-k {count}: there are {have} in {folder}; {more}")
    return chosen[:count]


def _best_of_trials(members: Sequence[Member], metric: str) -> list[Member]:
    """Return the best run of each trial, the best trial first."""
    gains = {m: METRICS[metric].gain(m.value) for m in members if m.value is not None}
    if len(gains) < len(members):
        without = next(m for m in members if m.value is None)
        raise UserError(
            f"{without.directory.name} has no value of {metric}, by which the best are chosen; "
            f"darkmagic checklist run metric={metric} evaluates it, and trains nothing"
        )
    best: dict[str, Member] = {}
    for member in sorted(members, key=lambda m: -gains[m]):
        best.setdefault(member.trial, member)
    return list(best.values())


def _member(directory: Path, metric: str) -> Member | None:
    try:
        result = read_result(directory)
    except DamagedFileError:  # the next sweep sets it aside, and makes it again
        return None
    if result is None or result["status"] != "finished" or result.get("val_accuracy") is None:
        return None
    name, _, tail = directory.name.rpartition("-s")
    if not name:
        return None
    seed = tail.partition("-")[0]
    field = f"val_{metric}" if metric in OURS else "val_metric"
    value = result.get(field) if metric in OURS or result.get("metric") == metric else None
    return Member(name, int(seed), directory, None if value is None else float(value))


def ensemble(
    members: Sequence[Member], split: str, devices: Any = "auto", metric: str = "accuracy"
) -> Ensemble:
    """Return what `members` predict for `split` (val or test), in a child on one device.

    `metric` is the name of the one that decides.

    Raises `UserError` if one of them cannot predict.
    """
    for member in members:
        config = member.directory / CONFIG
        if is_edited(config, member.directory.name.rpartition("-")[2]):
            raise UserError(
                f"{config} was edited by hand, so it is not known what was trained; "
                "darkmagic checklist run writes it again"
            )
    fork_server.warm_up()
    lease = make_leases(devices, 1)[0]
    directories = [member.directory for member in members]
    job = fork_server.start(
        _predict, directories, split, metric, env=lease.env, threads=lease.threads
    )
    try:
        found: Ensemble | str = wait_for(job, None)
    except DiedError:
        found = "its process was killed, perhaps for want of memory"
    if isinstance(found, str):
        raise UserError(f"no ensemble of these runs: {found}")
    return found


def _predict(directories: Sequence[Path], split: Any, metric: str) -> Ensemble | str:
    """Return the ensemble, or the error message."""
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.ensemble import evaluate_ensemble, predict
    from darkmagic.trainers.trick import TrialSkipped

    predictions = []
    for directory in directories:
        try:
            resolved = yaml.safe_load((directory / CONFIG).read_text())
            recipe = make_recipe(without_pretraining(resolved))
            predictions.append(predict(recipe, directory, split))
        except (OSError, RuntimeError, ValueError, DamagedFileError, TrialSkipped) as error:
            return f"{directory.name}: {short_message(error)}"
    each, classes = [probabilities for probabilities, _ in predictions], predictions[0][1]
    try:
        return evaluate_ensemble(each, classes, metric)
    except ValueError as error:  # a metric that says nothing of these images
        return short_message(error)
