"""Which trials are hopeless beside the baseline, and what stopping them does to verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.planning.futility import hopeless
from darkmagic.checklist.records import Status
from darkmagic.sweeps.track.rules import METRICS
from futility_rule import simulate
from records import SMALL, STEADY, record, report_of, swept


def _run(accuracies: list[float | None], epochs: int = 12, losses: Any = ()) -> list[Any]:
    losses = list(losses) or [1.0] * len(accuracies)
    return [
        {"epoch": n, "epochs": epochs, "train_loss": loss, "val_accuracy": accuracy}
        for n, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True), start=1)
    ]


RISING: list[float | None] = [0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.8, 0.85, 0.9, 0.9, 0.9]
LOW: list[float | None] = [0.1] * 12


@pytest.mark.parametrize(
    ("run", "baselines", "stopped"),
    [
        (_run(LOW[:8]), [_run(RISING)], True),
        (_run(LOW[:4]), [_run(RISING)], False),  # before a third and three epochs
        (_run(LOW), [_run(RISING)], False),  # at its end there is nothing to save
        (_run([0.1] * 7 + [0.75]), [_run(RISING)], False),  # it has caught up
        (_run([0.1, 0.75] + [0.1] * 6), [_run(RISING)], False),  # its best counts, not its last
        (_run(LOW[:8]), [], False),  # nothing to compare with
        (_run(LOW[:8]), [_run(RISING[:6])], False),  # the baseline has not come as far
        (_run(LOW[:8]), [_run(RISING), _run(LOW)], False),  # not below every run of it
        (_run(LOW[:8]), [_run(RISING), _run(LOW[:3])], True),
        (_run(LOW[:8], epochs=24), [_run(RISING)], False),  # a third of a longer training
        (_run([*LOW, *LOW[:4]], epochs=24), [_run(RISING)], True),  # the same place in training
        (_run([None] * 8), [_run(RISING)], True),
        (_run(RISING[:8], losses=[2.0] * 5 + [3.5] * 3), [_run(RISING)], True),
        (_run(RISING[:8], losses=[2.0] * 6 + [3.5, 2.0]), [_run(RISING)], False),
        (_run(RISING[:8], losses=[2.0] * 5 + [None] * 3), [], True),
    ],
)
def test_rule_stops_what_is_far_below_or_diverges_and_nothing_else(
    run: list[Any], baselines: list[Any], stopped: bool
) -> None:
    """Three late epochs in a row, at the same place in training, below every run there."""
    reason = hopeless(run, baselines, margin=20)
    assert bool(reason) == stopped
    if stopped:
        assert reason.startswith(f"at epoch {run[-1]['epoch']} of {run[-1]['epochs']}")


LOSS = METRICS["loss"]
FALLING: list[float | None] = [2.3, 1.8, 1.5, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6]
HIGH: list[float | None] = [2.3] * 12


def _of_loss(losses: list[float | None], accuracies: list[float | None] | None = None) -> list[Any]:
    runs = _run(accuracies or [0.5] * len(losses))
    return [{**event, "val_loss": loss} for event, loss in zip(runs, losses, strict=True)]


@pytest.mark.parametrize(
    ("run", "baselines", "stopped"),
    [
        (_of_loss(HIGH[:8]), [_of_loss(FALLING)], True),
        (_of_loss(FALLING[:8]), [_of_loss(HIGH)], False),  # far better is not hopeless
        (_of_loss(HIGH[:8], LOW[:8]), [_of_loss(HIGH, RISING)], False),  # by accuracy it was
        (_of_loss(HIGH[:8]), [_of_loss(FALLING), _of_loss(HIGH)], False),
        (_of_loss([2.3, 0.7, *HIGH[:6]]), [_of_loss(FALLING)], False),  # its lowest counts
        (_of_loss([None] * 8), [_of_loss(FALLING)], True),
        (_of_loss(HIGH[:8]), [_of_loss([None] * 12)], False),
        (_run(LOW[:8]), [_of_loss(FALLING)], False),  # trained for another metric
        (_of_loss(HIGH[:8]), [_run(LOW)], False),
        (_of_loss(HIGH[:8]), [_run(LOW[:4]) + _of_loss(FALLING)[4:]], False),  # from its fifth on
    ],
)
def test_rule_goes_by_the_metric_that_decides_and_its_direction(
    run: list[Any], baselines: list[Any], stopped: bool
) -> None:
    """Of a loss more is worse, whatever the accuracy; without a value nothing is compared."""
    reason = hopeless(run, baselines, 1.0, LOSS, "val_loss")
    assert bool(reason) == stopped
    assert "accuracy" not in reason
    if stopped and run[0]["val_loss"] is not None:
        assert reason == (
            "at epoch 8 of 12 its best validation cross-entropy is 1.6000 nats above every run of "
            "the baseline there"
        )


def test_row_with_a_stopped_run_is_not_judged_and_counts_among_the_tests() -> None:
    """One seed that was stopped takes its row's verdict, however good its others are."""
    all_there = swept(STEADY)
    one_stopped = [
        record(r.name, r.seed, None, status=Status.STOPPED, reason="far below")
        if (r.name, r.seed) == ("lr=cosine", 1)
        else r
        for r in all_there
    ]
    before, after = compare(SMALL, all_there), compare(SMALL, one_stopped)
    row = next(row for row in after.tricks if row.name == "lr=cosine")
    assert row.verdict is Verdict.STOPPED
    assert row.verdict_text == "1 of 3 stopped"
    assert row.p_value is None or row.p_value == 1.0
    assert len(after.tricks) == len(before.tricks)
    assert "lr=cosine: 1 of 3 stopped (far below)." in report_of(one_stopped).notes
    assert any("futility=" in note for note in report_of(one_stopped).notes)


def test_stopping_hopeless_trials_makes_no_false_claims() -> None:
    """By simulated curves: errors stay, slow rows that help go on, and epochs are saved.

    Fewer gains are found, as stopped rows stay among the tests and tell nothing of the spread.
    """
    without = simulate(None, [0.6] * 5, repeats=60)
    stopping = simulate(20.0, [0.6] * 5, repeats=60)
    assert stopping["false"] <= 10  # 6 of 60, where 5 % are due
    assert stopping["stopped"] == 0
    assert without["found"] > stopping["found"] > without["found"] - 25
    assert stopping["saved"] > 10


def test_rules_have_no_say_in_what_is_stopped() -> None:
    """A sweep where all trials of a trick were stopped has a row, and says why."""
    records = [
        record(r.name, r.seed, None, status=Status.STOPPED, reason="it diverges")
        if r.name == "mixup=on"
        else r
        for r in swept(STEADY)
    ]
    rows = {row.name: row for row in compare(SMALL, records, Rules(min_effect=0.5)).rows}
    assert rows["mixup=on"].verdict_text == "3 of 3 stopped"
    assert rows["mixup=on"].difference is None
