"""What has to be said below the table."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.report.notes.table import table_notes
from records import SMALL, STEADY, record, simulated, swept


def test_lost_pretrained_tensors_are_said() -> None:
    """With their share."""
    records = [*swept(STEADY), record("own=on", pretrained_share=0.75)]
    assert any("75 %" in note for note in table_notes(compare(SMALL, records)))


def test_the_footer_says_what_was_estimated_and_by_what() -> None:
    """Estimand, number of tests, split, noise, and the warning of short trainings."""
    notes = " ".join(table_notes(compare(SMALL, simulated(SMALL, 3)), epochs=20))
    for words in (
        "points of validation accuracy of 2,000 images",
        "at baseline settings",
        "the test set was not touched",
        "adjusted for 4 tests together (step-down max-t), with 80 % of the 5 % error rate",
        "Runs spread by",
        "correlate by",
        "20 epochs is a short training",
    ):
        assert words in notes
    assert "short training" not in " ".join(table_notes(compare(SMALL, swept(STEADY)), epochs=200))


@pytest.mark.parametrize("take", ["last", "best"])
def test_the_footer_claims_nothing_of_the_data_of_a_script(take: str) -> None:
    """Which value counts is said; what it was measured on is not known, nor are its epochs."""
    records = [dataclasses.replace(r, value=r.accuracy) for r in simulated(SMALL, 3)]
    rules = Rules(metric=Metric("val_acc", taken=take))
    notes = " ".join(table_notes(compare(SMALL, records, rules)))
    assert f"Differences are in val_acc, of the {take} value that each run gave" in notes
    for claim in ("after the last epoch", "was not touched", "validation set"):
        assert claim not in notes


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.5, 0.6, 0.7], True),
        ([0.5, 0.6], True),
        ([0.5, 0.6, 0.71], False),
        ([0.5], False),  # one value that agrees may be luck
    ],
)
def test_row_with_the_figures_of_the_baseline_is_pointed_out(
    values: list[float], told: bool
) -> None:
    """A flag that changes nothing gives the baseline's value under each seed."""
    every = {"baseline": [0.5, 0.6, 0.7], "mixup=on": values, "own=on": [0.5, 0.7, 0.6]}
    records = [
        dataclasses.replace(r, value=r.accuracy)
        for name, own in every.items()
        for r in swept({name: own})
    ]
    for metric, expected in ((Metric("mAP"), told), (Metric("seconds", unit="s"), False)):
        notes = table_notes(compare(SMALL, records, Rules(metric=metric)))
        found = [note for note in notes if "exactly what the baseline" in note]
        assert bool(found) is expected
        assert all(note.startswith("mixup=on: ") for note in found)
    assert not [n for n in table_notes(compare(SMALL, records)) if "exactly what" in n]


def test_the_footer_says_how_trials_trained() -> None:
    """One note a row with the runs it is of; what many rows share is said once."""
    note = "overfitting: a validation loss of 2.00 against 0.10 in training"
    records = simulated(SMALL, 3)
    one = [
        dataclasses.replace(r, training_notes=(note,)) if r.name == "mixup=on" else r
        for r in records
    ]
    assert f"mixup=on: {note} (in 3 of 3 runs)." in table_notes(compare(SMALL, one))
    collapsed = [
        dataclasses.replace(r, accuracy=0.1, classes=10) if r.seed == 1 else r for r in one
    ]
    assert f"mixup=on: {note} (in 3 of 3 runs)." in table_notes(compare(SMALL, collapsed))
    every = [dataclasses.replace(r, training_notes=(note,)) for r in records]
    found = note.removeprefix("overfitting: ")
    shared = f"5 of 5 trials: overfitting; in one of them {found}."
    assert shared in table_notes(compare(SMALL, every))


def test_an_unstable_baseline_is_said() -> None:
    """It is in every difference."""
    rng = np.random.default_rng(1)
    names = [f"own={i}" for i in range(12)]
    accuracies = {name: list(rng.normal(90, 0.2, 4)) for name in names}
    comparison = compare(SMALL, swept({"baseline": [90, 96, 82, 91], **accuracies}))
    assert comparison.effects.baseline_unstable
    assert not comparison.having(Verdict.BETTER, Verdict.WORSE)
    assert any("baseline itself is unstable" in note for note in table_notes(comparison))


PART = "part of the difference in time a step is the host's."


def test_times_of_other_ways_to_step_are_not_compared_in_silence() -> None:
    """The notes name a row that steps by single launches where the baseline is a graph."""
    ways = {
        "baseline": "graph: runtime.cuda_graphs=auto",
        "lr=cosine": "graph: runtime.cuda_graphs=auto",
        "mixup=on": "eager: images change their size",
        "stem=relu": "",
        "stem=swish": "graph: runtime.cuda_graphs=on; 3 batches of another shape eagerly",
    }

    def notes(ways: dict[str, str]) -> list[str]:
        records = [
            dataclasses.replace(each, stepping=ways.get(each.name, "")) for each in swept(STEADY)
        ]
        return [note for note in table_notes(compare(SMALL, records)) if "launches" in note]

    words = (
        "mixup=on trains by single launches (images change their size) and the baseline by CUDA "
    )
    assert notes(ways) == [f"{words}graphs: {PART}"]
    turned = {"baseline": "eager: the reason", "mixup=on": ways["lr=cosine"]}
    words = "the baseline trains by single launches and mixup=on by CUDA "
    assert notes(turned) == [f"{words}graphs: {PART}"]
    assert notes(dict.fromkeys(ways, "eager")) == []
