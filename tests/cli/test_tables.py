"""What tables and progress look like, at the widths that terminals have."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from darkmagic.checklist.model import Checklist
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.records import Status
from darkmagic.cli.views.progress import LiveProgress, PlainProgress, make_progress
from darkmagic.cli.views.tables import checklist_table, plan_table
from darkmagic.sweeps import api
from darkmagic.sweeps.track.rules import METRICS


@pytest.fixture(scope="module")
def article() -> Checklist:
    """Return the article's checklist."""
    return next(c for c in api.checklists() if c.name == "article")


def _text(renderable: Any, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plan_and_checklist_fit_eighty_columns(article: Checklist) -> None:
    """The tables of a plan and of a checklist fit 80 columns and truncate nothing."""
    trials = expand(article, plan_seeds(article, seeds=2))
    for table in (plan_table(article, trials, [100.0] * 16), checklist_table(article)):
        text = _text(table, 80)
        assert all(len(line) <= 80 for line in text.splitlines())
        assert "…" not in text
    assert "32 runs: 16 trials x 2 seeds" in _text(plan_table(article, trials, None), 80)
    more = expand(article, plan_seeds(article, seeds=3, baseline_repeats=6))
    text = _text(plan_table(article, more, [100.0] * 16), 80)
    assert "51 runs: baseline x 6 seeds, 15 trials x 3 seeds" in text
    numbers = [int(line.split()[0]) for line in text.splitlines() if line.strip()[:1].isdigit()]
    assert numbers[:16] == list(range(16))
    assert text.index("baseline  ") < text.index("mixup")


EVENT = {
    "type": "epoch",
    "phase": "train",
    "epochs": 4,
    "train_loss": 1.25,
    "val_accuracy": 0.5,
    "images_per_second": 1234.5,
}
TRIALS = [("scheduled_weight_decay=linear", 0), ("mixup=on", 0), ("optimizer=adam", 0)]


def _tell(progress: LiveProgress | PlainProgress) -> None:
    with progress:
        progress.started(TRIALS, 13)
        for index in range(2):
            progress.status(index, Status.RUNNING, "")
        for epoch in range(1, 5):
            progress.event(0, {**EVENT, "epoch": epoch})
            progress.event(1, {**EVENT, "epoch": epoch, "train_loss": None, "val_accuracy": None})
        progress.note("MLflow is away")
        progress.status(1, Status.DIVERGED, "loss is not finite in epoch 4")
        progress.status(0, Status.FINISHED, "")
        progress.status(2, Status.FAILED, "OSError: gone")


def test_plain_progress_prints_starts_quarters_and_ends() -> None:
    """A log has a line for each start, each quarter of the epochs and each end."""
    console = Console(width=160, file=io.StringIO())
    progress = make_progress(console)
    assert isinstance(progress, PlainProgress)
    _tell(progress)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[0].startswith("13 trials need no training")
    assert "  scheduled_weight_decay=linear started" in lines
    assert "  scheduled_weight_decay=linear epoch 2/4  loss 1.250  val 50.00  1234 img/s" in lines
    assert any("loss nan" in line for line in lines)
    assert any(line.startswith("+ scheduled_weight_decay=linear val 50.00") for line in lines)
    assert any("diverged: loss is not finite in epoch 4  [1/3]" in line for line in lines)
    assert any(line.startswith("x optimizer=adam") and "[3/3]" in line for line in lines)


@pytest.mark.parametrize("name", METRICS)
def test_progress_calls_the_metric_as_the_table_does(name: str) -> None:
    """What decides has one name and one number of decimals, in progress and in the table."""
    metric = METRICS[name]
    console = Console(width=160, file=io.StringIO())
    with make_progress(console) as progress:
        progress.started(TRIALS[:1], 0)
        progress.status(0, Status.RUNNING, "")
        progress.event(0, {**EVENT, "epoch": 2, "metric": name, f"val_{name}": 0.25})
    assert isinstance(console.file, io.StringIO)
    shown = metric.value(metric.scale * 0.25)
    assert f"{metric.short.rstrip(',')} {shown:>5}" in console.file.getvalue()


@pytest.mark.parametrize("width", [80, 160])
def test_live_progress_shows_notes_and_restores_the_cursor(width: int) -> None:
    """Live bars show notes and ends above them, and give the cursor back."""
    console = Console(width=width, height=30, file=io.StringIO(), force_terminal=True)
    progress = make_progress(console)
    assert isinstance(progress, LiveProgress)
    _tell(progress)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    plain = Console(width=400, file=io.StringIO()).render_str(text).plain
    assert "MLflow is away" in plain
    assert "diverged" in plain
