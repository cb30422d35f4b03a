"""Whole sweeps, with real processes and a real MLflow store."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import OF_A_SWEEP, load_report
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from sweeping import Recorder, Swept, run


def _runs(swept: Swept) -> dict[str, Run]:
    client = MlflowClient(swept.uri)
    experiment = client.get_experiment_by_name(swept.outcome.experiment)
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_article_checklist_finishes_sixteen_trials_for_each_seed(swept: Swept) -> None:
    """The baseline and fifteen trials finish for each seed, none failed and none inert."""
    records = swept.outcome.records
    assert len(records) == 32
    assert {record.status for record in records} == {Status.FINISHED}
    assert len(compare(swept.outcome.plan.checklist, records).rows) == 16


def test_resolved_configuration_of_a_trial_changes_its_trick_only(swept: Swept) -> None:
    """A trial's configuration differs from the baseline's in its own trick and nothing else."""
    base = None
    for path in sorted(
        swept.outcome.folder.glob("*-s0-*/config.yaml"), key=lambda p: "base" not in str(p)
    ):
        tricks = yaml.safe_load(path.read_text())["tricks"]
        base = base or tricks
        changed = {name for name in tricks if tricks[name] != base[name]}
        trick = path.parent.name.split("=")[0] if "baseline" not in path.parent.name else None
        assert changed == ({trick} if trick else set())


def test_finished_trial_leaves_its_six_files(swept: Swept) -> None:
    """A finished trial leaves configuration, events, checkpoint, result, correct images and log."""
    folders = [p.parent for p in swept.outcome.folder.glob("*/result.json")]
    assert len(folders) == 32
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert names == {
            "config.yaml",
            "events.jsonl",
            "checkpoint.pt",
            "result.json",
            "val_correct.npy",
            "log.txt",
        }
        assert json.loads((folder / "result.json").read_text())["status"] == "finished"


def test_progress_receives_starts_epochs_and_ends_in_order(swept: Swept) -> None:
    """Start, epochs and end of every trial reach the progress in order; then it is closed."""
    progress = swept.progress
    assert len(progress.trials) == 32
    for index in range(32):
        statuses = [status for i, status, _ in progress.statuses if i == index]
        assert statuses == [Status.RUNNING, Status.FINISHED]
        epochs = [e["epoch"] for i, e in progress.events if i == index and e["phase"] == "train"]
        assert epochs == [1, 2]
    assert any(event["phase"] == "upstream" for _, event in progress.events)
    assert progress.is_closed


def test_next_trial_starts_while_others_run(swept: Swept) -> None:
    """A trial starts while others that started before it still run."""
    running, seen = set(), set()
    for index, status, _ in swept.progress.statuses:
        if status is Status.RUNNING:
            seen |= {(other, index) for other in running}
            running.add(index)
        else:
            running.discard(index)
    assert any(b > a + 1 for a, b in seen) or len(seen) >= 20


def test_mlflow_has_a_parent_run_and_a_nested_run_for_each_trial(swept: Swept) -> None:
    """Runs have configuration, metrics an epoch, costs, status, seed, provenance and files."""
    runs = _runs(swept)
    assert len(runs) == 33
    parent = runs[swept.outcome.experiment]
    assert parent.info.status == "FINISHED"
    client = MlflowClient(swept.uri)
    artifacts = {item.path for item in client.list_artifacts(parent.info.run_id)}
    plots = {"effects.svg", "curves.svg", "schedules.svg", "cost.svg"}
    assert artifacts == {
        "cards.json",
        "images.json",
        *plots,
        *(f"report.{form}" for form in FORMATS),
    }
    trial = runs["mixup=on seed 1"]
    assert trial.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert trial.data.tags["darkmagic.status"] == "finished"
    assert trial.data.tags["darkmagic.seed"] == "1"
    assert trial.data.params["tricks.mixup.alpha"] == "0.2"
    assert [m.step for m in client.get_metric_history(trial.info.run_id, "val_accuracy")] == [1, 2]
    costs = {"cost.step_seconds", "cost.peak_memory_bytes", "cost.parameters", "cost.flops"}
    assert costs <= set(trial.data.metrics)
    assert "version.torch" in parent.data.tags
    assert {i.path for i in client.list_artifacts(trial.info.run_id)} == {"val_correct.npy"}


def test_every_run_is_tagged_with_its_verdict(swept: Swept) -> None:
    """Verdicts are tags and metrics of each run, so that MLflow's own tables sort by them."""
    rows = {row.name: row for row in load_report(swept.uri, None).comparison.rows}
    runs = _runs(swept)
    for name, row in rows.items():
        for seed in (0, 1):
            data = runs[f"{name} seed {seed}"].data
            assert data.tags["darkmagic.verdict"].startswith(row.verdict_text)
            if row.difference is not None:
                assert data.metrics["verdict.difference"] == pytest.approx(row.difference)
                assert data.metrics["verdict.p_value"] == pytest.approx(row.p_value)


def test_command_of_a_row_composes_the_identity_of_its_trial(swept: Swept) -> None:
    """The command that the report prints for a row composes to the identity of its trial."""
    commands = load_report(swept.uri, None).reproduce
    overrides = shlex.split(commands["mixup=on"])
    assert overrides[:2] == ["darkmagic", "train"]
    assert not {word.partition("=")[0] for word in overrides} & OF_A_SWEEP
    with hydra_session() as hydra:
        checked = check_overrides(hydra.config_loader, overrides[2:])
        resolved = resolve(compose(hydra.config_loader, [*checked.plain, *checked.tricks]))
    tags = _runs(swept)["mixup=on seed 0"].data.tags
    assert identity(resolved) == tags["darkmagic.identity"]


def test_report_from_mlflow_alone_has_the_same_bytes(swept: Swept) -> None:
    """A colleague with the tracking URI gets the same bytes of the report in every format."""
    report = load_report(swept.uri, None, curves=True)
    ours = compare(swept.outcome.plan.checklist, swept.outcome.records)
    assert report.comparison.rows == ours.rows
    assert report.comparison.images == 20
    for form in FORMATS:
        written = (swept.outcome.folder / f"report.{form}").read_text()
        assert write_report(report, form) == written, form


def test_report_is_written_without_the_store(tmp_path: Path) -> None:
    """If MLflow's store fails at the end, the report is made from the trials' directories."""
    overrides = ["checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]", "epochs=1"]
    gone = run(tmp_path, overrides)
    store = tmp_path / "mlflow.db"
    with sqlite3.connect(store) as database:
        database.executescript("DROP TABLE latest_metrics; DROP TABLE tags;")
    report, paths = finish(gone.outcome)
    assert [row.name for row in report.comparison.rows] == ["baseline", "mixup=on"]
    assert all(path.stat().st_size for path in paths)
    assert gone.outcome.tracker.problem


def test_finished_trials_are_not_trained_again(swept: Swept) -> None:
    """A second run of an experiment starts nothing and leaves checkpoints and runs as they are.

    But for a run whose end the store did not take, after it had taken the tags that tell of it.
    """
    cut = next(record.run_id for record in swept.outcome.records)
    MlflowClient(tracking_uri=swept.uri).update_run(cut, status="RUNNING")
    before = {p: p.stat().st_mtime_ns for p in swept.outcome.folder.glob("*/checkpoint.pt")}
    again = run(swept.folder, ["epochs=2", "seeds=2", "baseline_repeats=1"])
    assert again.progress.trials == []
    assert again.outcome.parent.run_id == swept.outcome.parent.run_id
    assert again.outcome.records == swept.outcome.records
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert len(_runs(again)) == 33
    assert {run.info.status for run in _runs(again).values()} == {"FINISHED"}


def test_another_recipe_is_another_sweep_of_the_experiment(swept: Swept) -> None:
    """Another recipe under the same name has its own parent run and its own table."""
    other = run(
        swept.folder,
        ["epochs=1", "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"],
    )
    assert other.outcome.parent.run_id != swept.outcome.parent.run_id
    assert len(other.progress.trials) == 2
    assert len(load_report(other.uri, None).comparison.rows) == 2


def test_worker_imports_neither_mlflow_nor_the_command_line() -> None:
    """What the fork server imports has torch, and no MLflow, Rich, Typer or torchvision."""
    code = "import sys, darkmagic.sweeps.launch.local.preload; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "torch" in imported
    assert not {"mlflow", "typer", "rich", "torchvision"} & imported


def test_upstream_weights_are_trained_once_for_all_seeds(swept: Swept) -> None:
    """All seeds of a pretrained trial start from one set of upstream weights."""
    trained = list((swept.folder / "cache" / "upstream").iterdir())
    assert len(trained) == 1
    record = next(r for r in swept.outcome.records if r.option == "pretrained")
    assert record.pretrained_share == 1.0


def test_trial_of_a_sweep_equals_the_same_trial_alone(swept: Swept, tmp_path: Path) -> None:
    """A trial of a sweep ends in the weights that `train` ends in, bit for bit."""
    from darkmagic.sweeps import api

    overrides = [w for w in swept.overrides if not w.startswith(("runtime.out", "seeds"))]
    overrides += ["trick/mixup=on", "seed=1", f"runtime.out='{tmp_path}'"]
    (state,) = api.train(overrides, Recorder(), multirun=False)
    alone = load_checkpoint(state.directory)
    (folder,) = swept.outcome.folder.glob("mixup=on-s1-*")
    in_sweep = load_checkpoint(folder)
    assert alone is not None
    assert in_sweep is not None
    assert all(torch.equal(v, in_sweep["model"][k]) for k, v in alone["model"].items())
