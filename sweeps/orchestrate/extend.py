"""Extension of a sweep: which trials get which seeds, from what is known of them so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import JUDGED, Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import BASELINE, Checklist
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.planning.budget import Budget
from darkmagic.checklist.planning.race import first_round, next_round
from darkmagic.checklist.records import ENDED, TrialRecord
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.request import UNDECIDED, Request
from darkmagic.sweeps.track.schema.read import read_record
from darkmagic.sweeps.track.schema.tags import KIND, PARENT, RECIPE
from darkmagic.sweeps.track.store import default_uri, open_client, search_runs
from darkmagic.sweeps.track.tracker import check_active
from darkmagic.sweeps.trial.identity import recipe_identity, resolve, retuning
from darkmagic.sweeps.trial.paths import decides, out_folder

__all__ = [
    "SweepKey",
    "find_parents",
    "find_sweep",
    "further_seeds",
    "known_records",
    "race_seeds",
    "sweep_key",
]


@dataclass(frozen=True)
class SweepKey:
    """What identifies a sweep: MLflow's URI, the experiment and the recipe of its baseline."""

    uri: str
    experiment: str
    recipe: str
    metric: str = "accuracy"  # that decides, which is no part of the recipe


def sweep_key(config: DictConfig, baseline: DictConfig) -> SweepKey:
    """Return the key of the sweep that `config` configures and whose baseline is `baseline`."""
    uri = default_uri(config.runtime.tracking_uri, out_folder(config))
    recipe = recipe_identity(resolve(baseline), {}, retuning(config))
    return SweepKey(uri, str(config.runtime.experiment), recipe, decides(config))


def find_sweep(key: SweepKey) -> Any:
    """Return MLflow's parent run of the sweep; None if there is none yet. Writes nothing."""
    return next(iter(find_parents(key, {KIND: "sweep", RECIPE: key.recipe})), None)


def find_parents(key: SweepKey, tags: Mapping[str, str]) -> list[Any]:
    """Return the runs with `tags` of the experiment of `key`, newest first. Writes nothing."""
    store = key.uri.removeprefix("sqlite:///")
    if store != key.uri and not Path(store).exists():
        return []
    client = open_client(key.uri)
    found = client.get_experiment_by_name(key.experiment)
    if found is None:
        return []
    check_active(found)
    return search_runs(client, found.experiment_id, tags)


def known_records(key: SweepKey) -> list[TrialRecord]:
    """Return what MLflow knows of the trials of the sweep; empty if there is none yet."""
    parent = find_sweep(key)
    if parent is None:
        return []
    tags = {KIND: "trial", PARENT: parent.info.run_id}
    runs = search_runs(open_client(key.uri), parent.info.experiment_id, tags)
    return [
        read_record(run.data.tags, run.data.metrics, run.info.run_id, metric=key.metric)
        for run in runs
    ]


def further_seeds(
    planner: Planner, records: Sequence[TrialRecord], request: Request, rules: Rules
) -> dict[str, list[int]]:
    """Return the seeds of every trial: those in `records`, and those that `request` adds.

    Added seeds are new to all trials, so that they are paired with the baseline's. Raises
    `UserError` if there is no sweep to add to, or if `only` names no trial.
    """
    names = trial_names(planner.checklist)
    known: dict[str, set[int]] = {name: set() for name in names}
    for record in records:
        known.setdefault(record.name, set()).add(record.seed)
    chosen = _chosen(planner.checklist, records, request.only, rules)
    if request.more_seeds:
        used = [seed for name in names if name != BASELINE for seed in known[name]]
        if not used:
            raise UserError(
                f"seeds=+{request.more_seeds} adds to a sweep, and there is none of this recipe "
                "yet; start one with seeds=3"
            )
        new = list(range(max(used) + 1, max(used) + 1 + request.more_seeds))
        added = dict.fromkeys(names, new)
    else:
        added = planner.seeds_of
    return {
        name: sorted({*known[name], *(added[name] if name in chosen or name == BASELINE else ())})
        for name in names
    }


def _chosen(
    checklist: Checklist, records: Sequence[TrialRecord], only: Sequence[str], rules: Rules
) -> set[str]:
    names = set(trial_names(checklist))
    if not only:
        return names
    if tuple(only) == (UNDECIDED,):
        rows = compare(checklist, records, rules).having(Verdict.UNDECIDED, Verdict.NOT_TESTED)
        if not rows:
            raise UserError(
                "only=undecided finds no undecided trial in this experiment; see: darkmagic report"
            )
        return {row.name for row in rows}
    chosen = set()
    for name in only:
        of_trick = {n for n in names if name in (n, n.partition("=")[0])}
        if not of_trick:
            known = {n.partition("=")[0] for n in names - {BASELINE}}
            raise UserError(f"only={name} names no trial; " + nearest(name, known | {UNDECIDED}))
        chosen |= of_trick
    return chosen


def race_seeds(
    planner: Planner, records: Sequence[TrialRecord], budget: Budget, rules: Rules
) -> dict[str, list[int]]:
    """Return the seeds of every trial: those in `records`, and those of the next round.

    While runs of a round have not ended there is no next one, so that the same command goes on
    with an interrupted race. Rows with a run that failed leave it. Raises `UserError` for a budget
    that is too small to begin with.
    """
    names = trial_names(planner.checklist)
    known: dict[str, set[int]] = {name: set() for name in names}
    for record in records:
        known.setdefault(record.name, set()).add(record.seed)
    if any(record.status not in ENDED for record in records):
        return {name: sorted(known[name]) for name in names}
    left = budget.left(records)
    first = planner.seeds_of[BASELINE][0]
    if not any(known[name] for name in names if name != BASELINE):
        more = first_round(names, left)
        return {name: _extended(set(), more[name], first) for name in names}
    comparison = compare(planner.checklist, records, rules)
    helps = {
        row.name: row.outlook.helps
        for row in comparison.tricks
        if row.outlook is not None and row.verdict in JUDGED and row.name in known
    }
    more = next_round({name: len(seeds) for name, seeds in known.items()}, helps, left)
    return {name: _extended(known[name], more.get(name, 0), first) for name in names}


def _extended(known: set[int], more: int, first: int) -> list[int]:
    """Add the smallest seeds that are not `known`, from `first` on."""
    seeds = set(known)
    seed = first
    for _ in range(more):
        while seed in seeds:
            seed += 1
        seeds.add(seed)
    return sorted(seeds)
