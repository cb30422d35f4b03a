"""Going on with a sweep: which trials get which seeds, by what is known of them so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import BASELINE, Checklist
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.records import TrialRecord
from darkmagic.sweeps.compose.plan import Plan
from darkmagic.sweeps.compose.request import UNDECIDED, Request
from darkmagic.sweeps.track.schema import KIND, PARENT, RECIPE, record_of
from darkmagic.sweeps.track.store import open_client, search_runs

__all__ = ["find_sweep", "further_seeds", "known_records"]


def find_sweep(uri: str, experiment: str, recipe: str) -> Any:
    """Return MLflow's parent run of the sweep over `recipe`; None where there is none yet."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return None
    client = open_client(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return None
    parents = search_runs(client, found.experiment_id, {KIND: "sweep", RECIPE: recipe})
    return parents[0] if parents else None


def known_records(uri: str, experiment: str, recipe: str) -> list[TrialRecord]:
    """Return what MLflow knows of the trials of the sweep over `recipe`, which may be nothing."""
    parent = find_sweep(uri, experiment, recipe)
    if parent is None:
        return []
    tags = {KIND: "trial", PARENT: parent.info.run_id}
    runs = search_runs(open_client(uri), parent.info.experiment_id, tags)
    return [record_of(run.data.tags, run.data.metrics, run.info.run_id) for run in runs]


def further_seeds(
    plan: Plan, records: Sequence[TrialRecord], request: Request, rules: Rules
) -> dict[str, list[int]]:
    """Return the seeds of every trial: those in `records`, and those that `request` adds.

    Added seeds are new to all trials, so that they are paired with the baseline's. Raises
    `UserError` where there is nothing to add to.
    """
    names = trial_names(plan.checklist)
    known: dict[str, set[int]] = {name: set() for name in names}
    for record in records:
        known.setdefault(record.name, set()).add(record.seed)
    chosen = _chosen(plan.checklist, records, request.only, rules)
    if request.more_seeds:
        used = [seed for name in names if name != BASELINE for seed in known[name]]
        if not used:
            raise UserError(
                f"seeds=+{request.more_seeds} adds to a sweep, and there is none of this recipe "
                "yet; start one with seeds=3"
            )
        new = list(range(max(used) + 1, max(used) + 1 + request.more_seeds))
    else:
        new = sorted({trial.seed for trial in plan.trials})
    return {
        name: sorted({*known[name], *(new if name in chosen or name == BASELINE else ())})
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
    for word in only:
        of_trick = {name for name in names if word in (name, name.partition("=")[0])}
        if not of_trick:
            known = {name.partition("=")[0] for name in names - {BASELINE}}
            raise UserError(f"only={word} names no trial; " + nearest(word, known | {UNDECIDED}))
        chosen |= of_trick
    return chosen
