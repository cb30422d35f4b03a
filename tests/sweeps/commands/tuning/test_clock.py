"""An optimisation's clock: what a budget of time is spent on, over one command or several."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from darkmagic.checklist.planning.budget import Allowance, Budget
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.tuning.pace import Pace, shares_in
from darkmagic.checklist.tuning.shares import FEWEST_TUNED, Shares
from darkmagic.sweeps import Progress, SilentProgress
from darkmagic.sweeps.commands.tuning.clock import Clock


class Way:
    """Stages whose trials take `trial` seconds, and half of that more or less, two at once; a
    sweep takes `around` seconds beside them. Time passes where it says so.
    """

    def __init__(self, trial: float, around: float, seed: int = 0) -> None:
        self.trial, self.around, self.now = trial, around, 0.0
        self._rng = np.random.default_rng(seed)

    def time(self) -> float:
        return self.now

    def sweep(self, clock: Clock, trials: int, budget: Allowance | None = None) -> int:
        """Train `trials`, or as many as the budget asks for; return how many there were."""
        with clock.watch(lambda: nullcontext[Progress](SilentProgress())) as progress:
            self.now += self.around
            ends: dict[int, float] = {}
            begun = ended = 0
            while True:
                records = [TrialRecord("t", "", "", 0, Status.FINISHED)] * ended
                left = budget.left(records) - len(ends) if budget else trials - begun
                if left > 0 and len(ends) < 2:
                    progress.status(begun, Status.RUNNING, "")
                    ends[begun] = self.now + self.trial * self._rng.uniform(0.5, 1.5)
                    begun += 1
                elif ends:
                    first = min(ends, key=ends.__getitem__)
                    self.now = ends.pop(first)
                    ended += 1
                    progress.status(first, Status.FINISHED, "")
                else:
                    return ended

    def walk(self, clock: Clock, shares: Shares) -> Shares:
        """Walk all stages, as an optimisation does."""
        self.sweep(clock, shares.screen)
        self.sweep(clock, 0, clock.tuning(shares))
        cut = clock.cut(shares)
        self.sweep(clock, 2 * cut.repeats)
        for _ in range(cut.candidates - 1):
            self.sweep(clock, cut.repeats)
        self.sweep(clock, 2 * cut.seeds)
        return cut


@pytest.mark.parametrize("expected", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("trial", "around", "total"), [(4.0, 5.0, 220), (60.0, 10.0, 3600), (60.0, 1.0, 2400)]
)
def test_whole_way_takes_the_time_it_was_given(
    tmp_path: Path, trial: float, around: float, total: float, expected: float
) -> None:
    """Trials that take half or twice what was expected change how many there are, not the time."""
    for seed in range(2):
        way = Way(trial, around, seed)
        clock = Clock(tmp_path / f"{seed}", "recipe", "1h", total, now=way.time)
        pace = Pace(trial * expected, 2, around)
        shares = shares_in(total, pace, effects=12, usual=16, seeds=3, budget="1h")
        kept = way.walk(clock, shares)
        assert 0.85 * total <= clock.spent <= 1.15 * total
        assert kept.seeds == 3


def test_command_that_is_stopped_goes_on_with_the_time_that_was_left(tmp_path: Path) -> None:
    """Seconds and decisions are kept, by recipe and by budget, and a stop loses none of them."""
    way, file = Way(4.0, 5.0), tmp_path / "optimize.json"
    shares = Shares(screen=16, tune=10, repeats=1, seeds=3)
    first = Clock(file, "mine", "0.05h", 180.0, now=way.time)
    assert first.decide("shares", lambda: [16, 10, 1, 3]) == [16, 10, 1, 3]

    def stopped() -> None:
        with first.watch(lambda: nullcontext(SilentProgress())):
            way.now += 50.0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    again = Clock(file, "mine", "0.05h", 180.0, now=way.time)
    assert again.spent == pytest.approx(50.0)
    assert again.decide("shares", lambda: [99]) == [16, 10, 1, 3]
    way.sweep(again, shares.screen)
    assert again.pace is not None
    assert again.pace.slots == 2
    assert again.pace.trial == pytest.approx(4.0, rel=0.5)
    tuned = way.sweep(again, 0, again.tuning(shares))
    assert again.decide("tuned", lambda: tuned) == tuned >= FEWEST_TUNED
    cut = again.cut(shares)
    later = Clock(file, "mine", "0.05h", 180.0, now=way.time)
    assert later.tuning(shares) == Budget(tuned)
    assert later.cut(shares) == cut
    assert later.pace == again.pace
    longer = Clock(file, "mine", "0.1h", 360.0, now=way.time)
    assert longer.spent == pytest.approx(again.spent, abs=0.1)
    assert longer.decide("tuned", lambda: 0) == 0
    assert Clock(file, "other", "0.05h", 180.0, now=way.time).spent == 0.0


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"0.03h": 150}'])
def test_state_that_cannot_be_read_starts_anew(tmp_path: Path, text: str) -> None:
    """A damaged file, or one of a former version, costs what was known and nothing else."""
    file = tmp_path / "optimize.json"
    file.write_text(text)
    clock = Clock(file, "mine", "0.05h", 180.0)
    assert clock.spent < 1.0
    clock.save()
    assert "mine" in json.loads(file.read_text())


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    """The hours spent are told once and for all, and so is what there was no time for."""
    way = Way(4.0, 5.0)
    clock = Clock(tmp_path / "optimize.json", "mine", "0.05h", 180.0, now=way.time)
    way.now = 190.0
    planned = Shares(screen=16, tune=10, repeats=2, seeds=5)
    made = Shares(screen=16, tune=3, repeats=1, seeds=3, candidates=1)
    first, second = clock.told(planned, made)
    assert first.startswith("0.0528 h by the clock, of budget=0.05h")
    assert second == (
        "Left out, as there was no time for it: 1 of 2 fresh runs of each candidate, 2 of 3 "
        "candidates, 2 of 5 seeds of the confirmation."
    )
    way.now = 300.0
    assert clock.told(planned, made) == (first, second)
    again = Clock(tmp_path / "optimize.json", "mine", "0.05h", 180.0, began=0.0, now=way.time)
    before = again.spent
    way.now += 60.0
    assert again.spent == before  # what is shown again takes nothing of a larger budget
    assert len(clock.told(planned, planned)) == 1
