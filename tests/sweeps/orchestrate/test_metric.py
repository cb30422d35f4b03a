"""The metric that decides: chosen by name, with its unit in the report; nothing is retrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Direction
from darkmagic.checklist.report.write import write_report
from darkmagic.sweeps import api
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.trainers.outputs.result_file import read_result
from sweeping import TINY, run

TWO = ["checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]", "floor=0"]


def _results(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("*/*/result.json")):
        result = read_result(path.parent)
        assert result is not None
        found[path.parent.name.partition("-")[0]] = result
    return found


@pytest.mark.weekly
def test_another_metric_judges_anew_and_trains_nothing(tmp_path: Path) -> None:
    """Loss is there already; balanced accuracy is evaluated from the last checkpoint."""
    run(tmp_path, TWO)
    before = _results(tmp_path)
    seconds = {name: result["train_seconds"] for name, result in before.items()}
    comparisons = {}
    for metric in ("loss", "balanced_accuracy"):
        swept = run(tmp_path, [*TWO, f"metric={metric}"])
        report = load_report(swept.uri, None)
        comparisons[metric] = report.comparison
        assert report.comparison.metric.name in write_report(report, "md")
    after = _results(tmp_path)
    assert {name: result["train_seconds"] for name, result in after.items()} == seconds
    for name, result in after.items():
        assert result["val_loss"] == before[name]["val_loss"]
        assert (before[name]["metric"], result["metric"]) == ("accuracy", "balanced_accuracy")
    losses, balanced = comparisons["loss"], comparisons["balanced_accuracy"]
    assert losses.metric.direction is Direction.MIN
    row = losses.tricks[0]
    difference = after["mixup=on"]["val_loss"] - after["baseline"]["val_loss"]
    assert row.difference == pytest.approx(difference)
    assert row.accuracies == {0: pytest.approx(after["mixup=on"]["val_loss"])}
    assert balanced.baseline.accuracy == pytest.approx(100 * after["baseline"]["val_metric"])


def test_unknown_metric_is_refused_with_the_nearest(tmp_path: Path) -> None:
    """Before anything starts."""
    with pytest.raises(UserError, match=r"metric=accurracy.*accuracy"):
        api.plan([*TINY, f"runtime.out='{tmp_path}'", "metric=accurracy"])
