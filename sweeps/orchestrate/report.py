"""The report of a sweep, from MLflow alone: the same bytes for everyone who can read it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.judging.judgement import with_decimals
from darkmagic.checklist.model_json import from_json
from darkmagic.checklist.planning.again import same_rows, same_seeds
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.advice.commands import checklist_command
from darkmagic.checklist.report.content import Report, Sort
from darkmagic.checklist.report.curves import Curve, curve
from darkmagic.checklist.report.screened import screen_trials
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.orchestrate.page.setup import make_setup
from darkmagic.sweeps.orchestrate.screening.limits import read_limits
from darkmagic.sweeps.track.kept.read import read_snapshot
from darkmagic.sweeps.track.provenance import GIT_COMMIT
from darkmagic.sweeps.track.rules import parse_rules
from darkmagic.sweeps.track.schema.tags import (
    CHECKLIST,
    COMMAND,
    RACE,
    RULES,
    STORAGE_URL,
    SWEEP_OVERRIDES,
    TRIAL_OVERRIDES,
)
from darkmagic.sweeps.track.snapshot import Snapshot
from darkmagic.sweeps.trial.command.node import AUTO_DECIMALS
from darkmagic.text import shell_line, shell_word

__all__ = ["load_report", "make_report", "rules_with_decimals", "ui_command"]

OF_A_SWEEP = {
    "baseline",
    "baseline_repeats",
    "design",
    "futility",
    "min_effect",
    "retune",
    "retune_seeds",
    "retune_tries",
    "runs",
    "seeds",
}
"""Keys that say which trials there are and how they are compared, which one alone does not need."""


def load_report(
    uri: str, experiment: str | None, *, curves: bool = False, sort: Sort = Sort.BEST
) -> Report:
    """Return the report of the newest sweep of `experiment`, of the newest of all if None.

    Reads MLflow, or what it answered before its store last changed, and nothing else; `curves`, for
    plots, take longest. Raises `UserError` if there is no such sweep.

    >>> from darkmagic.checklist import UserError
    >>> try:
    ...     load_report("sqlite:///mlflow.db", experiment="mine")
    ... except UserError as error:
    ...     print(error)
    no experiment 'mine' at sqlite:///mlflow.db; start one with: darkmagic checklist run
    """
    return make_report(read_snapshot(uri, experiment, curves=curves), sort)


def make_report(snapshot: Snapshot, sort: Sort = Sort.BEST) -> Report:
    """Return the report of `snapshot`."""
    limits = read_limits(snapshot.tags)
    rules = parse_rules(snapshot.tags.get(RULES), race=RACE in snapshot.tags)
    comparison = compare(
        from_json(snapshot.tags[CHECKLIST]),
        snapshot.records,
        rules_with_decimals(rules, snapshot.records),
        limits.apart,
        limits.together,
    )
    finished = [r for r in snapshot.records if r.status is Status.FINISHED]
    seconds = [r.costs.wall_seconds for r in finished if r.costs.wall_seconds is not None]
    epochs = [r.epochs for r in finished if r.epochs is not None]
    return Report(
        title=f"{snapshot.experiment}: what each trick does",
        comparison=comparison,
        facts={**_facts(snapshot.tags, comparison), **screen_trials(comparison)},
        overrides=tuple(json.loads(snapshot.tags.get(SWEEP_OVERRIDES, "[]"))),
        epochs=statistics.mode(epochs) if epochs else None,
        run_seconds=statistics.fmean(seconds) if seconds else None,
        cards=snapshot.cards,
        reproduce=_reproduce(snapshot),
        curves=_curves(snapshot),
        sort=sort,
        remarks=(*_other_sweeps(snapshot), *_studies(snapshot), *limits.sentences),
        setup=make_setup(snapshot),
    )


def rules_with_decimals(rules: Rules, records: Sequence[TrialRecord]) -> Rules:
    """Return `rules` whose metric shows as many decimals as the runs need, if it says none."""
    if rules.metric.decimals != AUTO_DECIMALS:
        return rules
    trials: dict[str, list[float]] = {}
    for record in records:
        if (value := record.result(rules.metric)) is not None:
            trials.setdefault(record.name, []).append(value)
    return dataclasses.replace(rules, metric=with_decimals(rules.metric, trials.values()))


def _other_sweeps(snapshot: Snapshot) -> Iterator[str]:
    """Yield a note if the experiment has sweeps of other recipes, of which the table shows none."""
    others = snapshot.other_sweeps
    if not others:
        return
    noun = "another sweep" if len(others) == 1 else f"{len(others)} other sweeps"
    asked = json.loads(others[0].get(SWEEP_OVERRIDES, "[]"))
    newest = shell_line(["darkmagic", "checklist", "run", *asked])
    which = "it was" if len(others) == 1 else "the newest of them was"
    yield (
        f"Experiment {snapshot.experiment} has {noun}, of another recipe, which this table does "
        f"not show; {which} asked for with:\n  {newest}"
    )


def _studies(snapshot: Snapshot) -> Iterator[str]:
    """Yield a note if recipes were tuned in the experiment, of which the table shows none."""
    if not snapshot.studies:
        return
    newest = snapshot.studies[0]
    asked = shell_line(["darkmagic", "tune", *json.loads(newest.get(SWEEP_OVERRIDES, "[]"))])
    storage = newest.get(STORAGE_URL, "")
    yield (
        f"Experiment {snapshot.experiment} has a study of darkmagic tune, whose recipes this table "
        f"does not show. Its trials:\n  optuna-dashboard {storage}\nWhat it found:\n  {asked}"
    )


def _facts(tags: Mapping[str, str], comparison: Comparison) -> dict[str, str]:
    versions = {k.partition(".")[2]: v for k, v in tags.items() if k.startswith("version.")}
    facts = {"versions": ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))}
    asked = [*json.loads(tags.get(SWEEP_OVERRIDES, "[]")), *same_seeds(comparison)]
    facts["asked for"] = checklist_command("run", [*asked, *same_rows(comparison)])
    if "machine" in tags:
        facts["machine"] = tags["machine"]
    if GIT_COMMIT in tags:
        facts["commit"] = tags[GIT_COMMIT]
    return facts


def _reproduce(snapshot: Snapshot) -> dict[str, str]:
    """Return the command that trains each row's first seed alone, as one would type it."""
    sweep = json.loads(snapshot.tags.get(SWEEP_OVERRIDES, "[]"))
    folders = [o for pair in itertools.pairwise(sweep) if pair[0] == "--config-dir" for o in pair]
    commands: dict[str, str] = {}
    for record in snapshot.records:
        overrides = json.loads(snapshot.run_tags.get(record.run_id, {}).get(TRIAL_OVERRIDES, "[]"))
        if COMMAND in (tags := snapshot.run_tags.get(record.run_id, {})):
            commands.setdefault(record.name, tags[COMMAND])
            continue
        alone = [o for o in overrides if o.partition("=")[0] not in OF_A_SWEEP]
        typed = [re.sub(r"^\+?(trick/\w+)='([\w.+-]+)'$", r"\1=\2", o) for o in alone]
        commands.setdefault(record.name, shell_line(["darkmagic", "train", *typed, *folders]))
    return commands


def _curves(snapshot: Snapshot) -> dict[str, dict[str, Curve]]:
    curves: dict[str, dict[str, Curve]] = {}
    for quantity, by_run in snapshot.histories.items():
        series: dict[str, list[Mapping[int, float]]] = {}
        for record in snapshot.records:
            if by_run.get(record.run_id):
                series.setdefault(record.name, []).append(by_run[record.run_id])
        found = {name: curve(runs) for name, runs in series.items()}
        curves[quantity] = {name: c for name, c in found.items() if c is not None}
    return curves


def ui_command(uri: str) -> str:
    """Return the command that opens MLflow's pages on the store at `uri`."""
    if uri.startswith("http"):
        return mask_secrets(uri)
    uri = mask_secrets(uri)
    prefix = "sqlite:///"
    if uri.startswith(prefix):
        path = Path(uri.removeprefix(prefix))
        here = Path.cwd()
        short = path.relative_to(here) if path.is_relative_to(here) else path
        uri = f"{prefix}{short}"
    return f"mlflow ui --backend-store-uri {shell_word(uri)}"
