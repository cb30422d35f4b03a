"""docs/replication.md and `checklist=hysts`: its command, its effects and a dry run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from commanding import run_command
from darkmagic.checklist.report.published import published_effects
from darkmagic.sweeps.api import checklists, trick_cards

PAGE = (Path(__file__).parent.parent.parent / "docs" / "replication.md").read_text()
COMMANDS = re.findall(r"^darkmagic .*$", PAGE, re.MULTILINE)
ERRORS = {  # test errors in percent, as the tables of hysts' README have them
    "learning_rate": {"x1": 8.07, "x0.25": 8.49, "x0.5": 8.08, "x2": 9.12},
    "weight_decay": {"1e-4": 8.26, "2e-4": 7.69, "3e-4": 7.81, "5e-4": 8.45},
    "norm_weight_decay": {"on": 8.26, "off": 8.53},
    "label_smoothing": {"0.0": 7.60, "0.01": 7.21, "0.1": 7.57},
}
DIFFERENCES = {
    f"{trick}={option}": round(next(iter(errors.values())) - error, 2)
    for trick, errors in ERRORS.items()
    for option, error in list(errors.items())[1:]
}


def test_checklist_has_the_changes_of_the_published_tables() -> None:
    """Its rows are those of the tables, with the published setting as the baseline."""
    (hysts,) = [checklist for checklist in checklists() if checklist.name == "hysts"]
    compared = {t.name: list(t.options) for t in hysts.tricks if len(t.options) > 1}
    assert compared == {trick: list(errors) for trick, errors in ERRORS.items()}


@pytest.mark.parametrize("row", DIFFERENCES)
def test_difference_of_the_tables_is_on_the_card_and_on_the_page(row: str) -> None:
    """Each published effect is the difference of two errors of a table."""
    trick, _, option = row.partition("=")
    (card,) = trick_cards(name=trick)
    against = next(iter(ERRORS[trick]))
    decay = "decay 1e-4" if trick == "norm_weight_decay" else ""
    (effect,) = [
        e
        for e in published_effects(card.card)
        if "hysts" in e.source and "200 epochs" in e.schedule and decay in e.schedule
        if (e.option, e.against) == (option, against)
    ]
    assert DIFFERENCES[row] == effect.points
    shown = re.search(rf"^\| `{re.escape(row)}`.*?\| ([+-][\d.]+) \|", PAGE, re.MULTILINE)
    assert shown is not None
    assert float(shown[1]) == DIFFERENCES[row]


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--dry-run" not in c])
def test_command_of_the_page_plans_ten_trials_of_three_seeds(tmp_path: Path, command: str) -> None:
    """The replication is the baseline and nine trials, as a plan of its command says."""
    arguments = shlex.split(command.replace("checklist run", "checklist plan"))
    done = run_command(*arguments[1:], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "33 runs: baseline x 6 seeds, 9 trials x 3 seeds" in done.stdout


@pytest.mark.weekly
def test_dry_run_of_the_page_tries_every_trial(tmp_path: Path) -> None:
    """Every trial takes two steps with the network of the published tables."""
    (command,) = [c for c in COMMANDS if "--dry-run" in c]
    done = run_command(*shlex.split(command)[1:], "hydra.launcher.devices=cpu", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dry run: 10 of 10 trials work" in done.stdout
    assert "+0.57" in done.stdout
