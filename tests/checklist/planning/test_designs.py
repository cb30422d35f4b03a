"""What the same runs find by either design, made where small and reckoned where large."""

from __future__ import annotations

import math
import time

import pytest

from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.planning import designs
from darkmagic.checklist.planning.budget import parse_budget
from darkmagic.checklist.planning.designs import compare_designs, screen_finds, suits
from darkmagic.checklist.records import Costs, Status, TrialRecord

SIZES = (2, 3, 2, 4, 2, 2)


def _checklist(sizes: tuple[int, ...] = SIZES) -> Checklist:
    levels = [tuple(f"o{level}" for level in range(size)) for size in sizes]
    tricks = [Trick(f"trick_{n}", "s", options) for n, options in enumerate(levels)]
    return Checklist("mine", tuple(tricks))


@pytest.mark.parametrize("runs", [48, 96, 180])
def test_larger_screens_find_what_a_design_of_their_own_does(
    runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a design beyond the largest that is made finds is known to 2 %."""
    made = screen_finds(SIZES, runs)
    monkeypatch.setattr(designs, "MOST_PLANNED", 32)
    scaled = screen_finds.__wrapped__(SIZES, runs)
    assert made is not None
    assert scaled == pytest.approx(made, rel=0.02)


def test_runs_beyond_the_mixtures_are_of_more_seeds() -> None:
    """Twice all mixtures find what they find, by the root of two, but for degrees of freedom."""
    sizes = (2, 2, 3, 2, 2)
    once, twice = screen_finds(sizes, 48), screen_finds(sizes, 96)
    assert once is not None
    assert twice is not None
    assert once / twice == pytest.approx(math.sqrt(2), rel=0.03)
    assert "suit a screen" in suits(compare_designs(_checklist(sizes), 96), 0.2)


@pytest.mark.parametrize("runs", [3, 12, 60, 1000, 1001, 20_000])
def test_every_number_of_runs_is_judged_in_a_moment(runs: int) -> None:
    """However few or many, and one beyond the largest screen is said to be."""
    start = time.process_time()
    said = suits(compare_designs(_checklist(), runs), 0.2)
    assert said.startswith(f"{runs} runs")
    assert ("a screen has 1,000 runs at most" in said) is (runs > 1000)
    assert ("no verdicts by either" in said) is (runs < 10)
    assert time.process_time() - start < 10


def test_hours_are_runs_once_one_has_trained() -> None:
    """Before, it is not known how many; after, those there are and those that fit."""
    run = TrialRecord(None, None, "", 0, Status.FINISHED, accuracy=0.9, costs=Costs(wall_seconds=9))
    assert parse_budget("1m").runs_in_all([]) is None
    assert parse_budget("1m").runs_in_all([run, run]) == 6
    assert parse_budget("80").runs_in_all([run, run]) == 80
