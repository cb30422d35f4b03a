"""Predictions of several trained trials, averaged: `darkmagic ensemble`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.trial.paths import is_edited
from darkmagic.sweeps.trial.pretraining import without_pretraining
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CONFIG, RESULT
from darkmagic.trainers.outputs.result_file import read_result
from darkmagic.trainers.runtime.cache import expand

if TYPE_CHECKING:
    from darkmagic.trainers.ensemble import Ensemble

__all__ = ["EnsembleKind", "Member", "choose_members", "ensemble", "find_experiment"]


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
    """A trained run: its trial, seed, directory and validation accuracy in [0, 1]."""

    trial: str
    seed: int
    directory: Path
    accuracy: float


def choose_members(folder: Path, *, of: EnsembleKind, trial: str, count: int) -> list[Member]:
    """Return `count` finished runs of the experiment in `folder`.

    `SEEDS` takes the runs of `trial`, in the order of their seeds; `TRIALS` the best run of each
    of the best trials. Raises `UserError` if there are too few.
    """
    if count < 2:
        raise UserError(f"-k {count}: an ensemble has 2 members or more")
    found = [m for path in sorted(folder.glob(f"*/{RESULT}")) if (m := _member(path.parent))]
    if not found:
        raise UserError(f"no finished runs in {folder}; start with: darkmagic checklist run")
    if of is EnsembleKind.SEEDS:
        known = {member.trial for member in found}
        if trial not in known:
            raise UserError(f"no finished run of {trial!r} in {folder}; " + nearest(trial, known))
        chosen = sorted((m for m in found if m.trial == trial), key=lambda m: m.seed)
    else:
        best: dict[str, Member] = {}
        for member in sorted(found, key=lambda m: -m.accuracy):
            best.setdefault(member.trial, member)
        chosen = list(best.values())
    if len(chosen) < count:
        have = f"{len(chosen)} {'seeds of ' + trial if of is EnsembleKind.SEEDS else 'trials'}"
        more = (
            f"darkmagic checklist run seeds={count}"
            if of is EnsembleKind.SEEDS
            else "give a smaller -k"
        )
        raise UserError(f"-k {count}: there are {have} in {folder}; {more}")
    return chosen[:count]


def _member(directory: Path) -> Member | None:
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
    return Member(name, int(seed), directory, float(result["val_accuracy"]))


def ensemble(members: Sequence[Member], split: str, devices: Any = "auto") -> Ensemble:
    """Return what `members` predict for `split` (val or test), in a child on one device.

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
    job = fork_server.start(_predict, directories, split, env=lease.env, threads=lease.threads)
    try:
        found: Ensemble | str = job.result()
    except EOFError:
        found = "its process was killed, perhaps for want of memory"
    job.stop()
    if isinstance(found, str):
        raise UserError(f"no ensemble of these runs: {found}")
    return found


def _predict(directories: Sequence[Path], split: Any) -> Ensemble | str:
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
    return evaluate_ensemble([probabilities for probabilities, _ in predictions], predictions[0][1])
