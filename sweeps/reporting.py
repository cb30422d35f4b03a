"""The report of a sweep: from its records, or from MLflow alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.comparison import compare
from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report import FORMATS, Report, write_report
from darkmagic.sweeps.checklists import from_json
from darkmagic.sweeps.fields import CHECKLIST, KIND, PARENT, record_of
from darkmagic.sweeps.provenance import GIT_COMMIT
from darkmagic.sweeps.tracking import open_client, search_runs

__all__ = ["load_report", "make_report", "ui_command", "write_files"]


def make_report(
    experiment: str, checklist: Checklist, records: Sequence[TrialRecord], tags: Mapping[str, str]
) -> Report:
    """Return the report of `records`; `tags` are the parent run's, or what they will be."""
    versions = {k.partition(".")[2]: v for k, v in tags.items() if k.startswith("version.")}
    facts = {"versions": ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))}
    if "machine" in tags:
        facts["machine"] = tags["machine"]
    if GIT_COMMIT in tags:
        facts["commit"] = tags[GIT_COMMIT]
    return Report(f"{experiment}: what each trick does", compare(checklist, records), facts)


def write_files(report: Report, folder: Path) -> list[Path]:
    """Write `report` in every format into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for form in FORMATS:
        path = folder / f"report.{form}"
        path.write_text(write_report(report, form))
        paths.append(path)
    return paths


def load_report(uri: str, experiment: str | None) -> Report:
    """Return the report of the newest sweep of `experiment`, of the newest of all if None.

    Reads MLflow and nothing else. Raises `UserError` where there is no such sweep.
    """
    client = open_client(uri)
    experiments = {e.name: e.experiment_id for e in client.search_experiments()}
    if experiment is not None and experiment not in experiments:
        raise UserError(
            f"no experiment {experiment!r} at {uri}; " + nearest(experiment, experiments)
        )
    chosen = list(experiments.values()) if experiment is None else [experiments[experiment]]
    sweeps = [run for id_ in chosen for run in search_runs(client, id_, {KIND: "sweep"})]
    if not sweeps:
        where = f"experiment {experiment!r}" if experiment else uri
        raise UserError(f"no sweep in {where} yet; start one with: darkmagic checklist run")
    parent = max(sweeps, key=lambda run: run.info.start_time)
    runs = search_runs(
        client, parent.info.experiment_id, {KIND: "trial", PARENT: parent.info.run_id}
    )
    return make_report(
        _name_of(experiments, parent),
        from_json(parent.data.tags[CHECKLIST]),
        sorted(
            (record_of(run.data.tags, run.data.metrics, run.info.run_id) for run in runs),
            key=lambda record: (record.seed, record.trick or "", record.option or ""),
        ),
        parent.data.tags,
    )


def _name_of(experiments: Mapping[str, str], run: Any) -> str:
    return next(n for n, id_ in experiments.items() if id_ == run.info.experiment_id)


def ui_command(uri: str) -> str:
    """Return the command that opens MLflow's pages on the store at `uri`."""
    if uri.startswith("http"):
        return uri
    prefix = "sqlite:///"
    if uri.startswith(prefix):
        path = Path(uri.removeprefix(prefix))
        here = Path.cwd()
        short = path.relative_to(here) if path.is_relative_to(here) else path
        uri = f"{prefix}{short}"
    return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
