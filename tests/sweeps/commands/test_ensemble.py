"""Which runs an ensemble is made of, and the metric that it goes by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.commands.ensemble import EnsembleKind, choose_members, find_metric
from darkmagic.trainers.outputs.names import CONFIG
from darkmagic.trainers.outputs.result_file import write_result

VALUES = {  # by trial and seed: accuracy, loss and macro F1
    ("baseline", 0): (0.90, 0.50, 0.70),
    ("baseline", 1): (0.91, 0.40, 0.60),
    ("mixup=on", 0): (0.95, 0.60, 0.80),
    ("optimizer=adam", 0): (0.80, 0.30, 0.75),
}


def _experiment(folder: Path, metric: str, **config: Any) -> Path:
    """Make the folder of an experiment whose runs were trained for `metric`."""
    for (trial, seed), (accuracy, loss, f1) in VALUES.items():
        run = folder / "mine" / f"{trial}-s{seed}-01234567"
        run.mkdir(parents=True)
        own = {"accuracy": accuracy, "loss": loss, "macro_f1": f1}[metric]
        figures = {"val_accuracy": accuracy, "val_loss": loss, "metric": metric, "val_metric": own}
        write_result(run, {"status": "finished", "reason": "", **figures})
        (run / CONFIG).write_text(yaml.safe_dump({"metric": metric, "seed": seed, **config}))
    return folder / "mine"


@pytest.mark.parametrize(
    ("metric", "best"),
    [
        ("accuracy", ["mixup=on", "baseline", "optimizer=adam"]),
        ("loss", ["optimizer=adam", "baseline", "mixup=on"]),
        ("macro_f1", ["mixup=on", "optimizer=adam", "baseline"]),
    ],
)
def test_best_trials_are_those_of_the_metric_that_decides(
    tmp_path: Path, metric: str, best: list[str]
) -> None:
    """In its direction, each trial by the best of its runs, as its configuration says."""
    folder = _experiment(tmp_path, metric)
    assert find_metric(folder) == metric
    members = choose_members(
        folder, of=EnsembleKind.TRIALS, trial="baseline", count=3, metric=metric
    )
    assert [member.trial for member in members] == best
    seeds = choose_members(folder, of=EnsembleKind.SEEDS, trial="baseline", count=2, metric="map")
    assert [member.seed for member in seeds] == [0, 1]  # in no order of a metric that they lack


def test_runs_that_have_no_value_of_the_metric_are_refused_with_what_evaluates_them(
    tmp_path: Path,
) -> None:
    """The best of them are not known."""
    folder = _experiment(tmp_path, "accuracy")
    assert find_metric(folder, "macro_f1") == "macro_f1"
    with pytest.raises(UserError, match=r"no value of macro_f1.*checklist run metric=macro_f1"):
        choose_members(folder, of=EnsembleKind.TRIALS, trial="", count=2, metric="macro_f1")


def test_runs_of_several_metrics_or_of_a_command_are_refused(tmp_path: Path) -> None:
    """One line says which metrics there are, or that no network is there to predict with."""
    folder = _experiment(tmp_path, "accuracy")
    (folder / "mixup=on-s0-01234567" / CONFIG).write_text("metric: loss\n")
    with pytest.raises(UserError, match="--metric accuracy or loss"):
        find_metric(folder)
    assert find_metric(folder, "loss") == "loss"
    with pytest.raises(UserError, match="no such metric; did you mean macro_f1"):
        find_metric(folder, "macro-f1")
    own = _experiment(tmp_path / "own", "accuracy", trainer={"metric": "val_acc"})
    with pytest.raises(UserError, match="are of a command"):
        find_metric(own)
    (own / "baseline-s0-01234567" / CONFIG).write_bytes(b"\xff{")  # damaged, and others are there
    with pytest.raises(UserError, match="are of a command"):
        find_metric(own)
