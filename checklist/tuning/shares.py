"""How the runs of an optimisation are shared between its stages."""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.checklist.errors import UserError

__all__ = ["CANDIDATES", "FEWEST_SEEDS", "FEWEST_TUNED", "Shares", "Trained", "share_runs"]

CANDIDATES = 3
"""Recipes that are trained anew after tuning, beside the baseline."""
SCREEN_SHARE = 0.4
"""Of the budget at most, where that is enough to tell the options apart."""
RUNS_A_REPEAT = 32
"""Of the budget, for each fresh run of a candidate; between 1 and 4 of them."""
FEWEST_TUNED = 3
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Shares:
    """Runs of each stage: `screen` and `tune` in all, `repeats` of each of the `candidates` and of
    the baseline beside them, `seeds` of the winner and of the baseline on the test set.
    """

    screen: int
    tune: int
    repeats: int
    seeds: int
    candidates: int = CANDIDATES

    @property
    def total(self) -> int:
        """The runs of all stages together."""
        return self.screen + self.tune + (self.candidates + 1) * self.repeats + 2 * self.seeds


@dataclass(frozen=True)
class Trained:
    """Runs that an answer rests on, whichever budget paid for them: `screen` and `tuned` in all,
    `settled` of the candidates and the baseline anew, `confirmed` of the winner and the baseline.

    >>> Trained(screen=6, tuned=8, settled=4, confirmed=10).total
    28
    """

    screen: int
    tuned: int
    settled: int
    confirmed: int

    @property
    def total(self) -> int:
        """The runs of all stages together."""
        return self.screen + self.tuned + self.settled + self.confirmed


def share_runs(runs: int, effects: int, usual: int, seeds: int) -> Shares:
    """Return the shares of `runs` in all.

    A screen of `effects` parameters takes `usual` runs, or fewer where they would be too large a
    share; `seeds` are those that confirm the winner. What is left is tuned. Raises `UserError`
    where not enough is left.

    >>> share_runs(60, effects=16, usual=24, seeds=5)
    Shares(screen=24, tune=22, repeats=1, seeds=5, candidates=3)
    """
    repeats = min(max(runs // RUNS_A_REPEAT, 1), 4)
    left = runs - (CANDIDATES + 1) * repeats - 2 * seeds
    screen = min(usual, max(effects, min(round(SCREEN_SHARE * runs), left - FEWEST_TUNED)))
    tune = left - screen
    if tune < FEWEST_TUNED:
        fewest = min(seeds, FEWEST_SEEDS)
        least = Shares(effects, FEWEST_TUNED, 1, fewest)
        with_seeds = f" with --seeds {fewest}" if fewest < seeds else ""
        raise UserError(
            f"budget={runs} is too small: a screen of these options has {effects} runs or more, "
            f"and its recipe is tuned and confirmed after that; give budget={least.total}"
            f"{with_seeds}, or more"
        )
    return Shares(screen, tune, repeats, seeds)
