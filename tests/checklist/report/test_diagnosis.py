"""Notes on how a trial trained."""

from __future__ import annotations

import math
from typing import Any

import pytest

from darkmagic.checklist.report.diagnosis import diagnose


def _epochs(train: list[float | None], val: list[float | None]) -> list[dict[str, Any]]:
    return [
        {"type": "epoch", "epoch": epoch, "train_loss": t, "val_loss": v}
        for epoch, (t, v) in enumerate(zip(train, val, strict=True), start=1)
    ]


CASES = {
    "healthy": ([2.0, 1.0, 0.6, 0.5, 0.45, 0.44, 0.44], [1.8, 0.9, 0.6, *[0.48] * 4], None),
    "label smoothing": ([2.0, 1.2, 1.0, 0.9, 0.89, 0.88], [1.5, 0.6, 0.4, *[0.3] * 3], None),
    "a restart": ([2.0, 0.8, 0.5, 0.7, 0.5, 0.48], [1.5, 0.8, 0.6, 0.9, 0.6, 0.6], None),
    "one epoch": ([2.3], [2.2], None),
    "not finite": ([2.3, None], [2.2, None], "not finite in epoch 2"),
    "validation not finite": ([2.3, 2.0], [2.2, math.nan], "not finite in epoch 2"),
    "exploding": ([2.3, 2.0, 9.1, 2.3], [2.3, 2.0, 9.0, 2.3], "exploding"),
    "flat": ([2.3, 2.31, 2.3, 2.29], [2.3] * 4, "not falling"),
    "rising validation": (
        [2.0, 1.0, 0.5, 0.2, 0.1, 0.05],
        [1.8, 1.0, 0.8, 0.9, 1.1, 1.3],
        "overfitting from epoch 3 on",
    ),
    "gap": ([1.0, 0.3, 0.1, 0.05, 0.05], [1.2, 0.9, 0.8, 0.8, 0.8], "overfitting: a validation"),
    "cut short": (
        [2.3, 2.0, 1.7, 1.4, 1.1, 0.9, 0.7, 0.5],
        [2.2, 1.9, 1.6, 1.3, 1.0, 0.8, 0.7, 0.5],
        "still learning",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_epochs_are_read(name: str) -> None:
    """One note at most for each of these, or none."""
    train, val, expected = CASES[name]
    notes = diagnose(_epochs(train, val))
    assert len(notes) == (expected is not None), notes
    if expected is not None:
        assert expected in notes[0]


def test_guessing_needs_the_number_of_classes() -> None:
    """2.0 is near log(10) and far from log(1000)."""
    epochs = _epochs([2.2, 2.1, 2.0], [2.2, 2.1, 2.0])
    assert "near that of guessing, 2.30" in diagnose(epochs, classes=10)[0]
    assert diagnose(epochs, classes=1000) == []
    assert diagnose(epochs) == []


def test_another_loss_is_compared_with_itself_alone() -> None:
    """Binary cross-entropy guesses at K log 2; its size says nothing beside validation's."""
    low = _epochs([6.9, 1.0, 0.1, 0.05, 0.05], [2.2, 0.9, 0.8, 0.8, 0.8])
    assert "a validation loss" in diagnose(low, 10, math.log(10))[0]
    assert diagnose(low, 10, 10 * math.log(2)) == []
    high = _epochs([6.9, 6.4, 6.2], [2.2, 2.1, 2.1])
    assert "near that of guessing, 6.93" in diagnose(high, 10, 10 * math.log(2))[0]


def test_other_events_are_left_out() -> None:
    """Starts have no losses, and upstream training is another network's."""
    upstream = [{**event, "type": "upstream"} for event in _epochs([2.3] * 4, [2.3] * 4)]
    assert diagnose([{"type": "start", "pid": 1}, *upstream]) == []
    assert diagnose([]) == []
