"""The trials of a screen: each mixes options of all tricks, so that every run informs of all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from darkmagic.checklist.designs.arrays import orthogonal_rows
from darkmagic.checklist.designs.coding import Levels
from darkmagic.checklist.designs.crossed.pairs import runs_to_separate
from darkmagic.checklist.designs.efficiency import d_efficiency
from darkmagic.checklist.designs.exchange import allowed, exchange
from darkmagic.checklist.designs.factors import Factors, Limits
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import SCREEN, Checklist, Trial
from darkmagic.checklist.plan import baseline_choices

__all__ = [
    "MAX_RUNS",
    "make_screen",
    "screen_sizes",
    "separating_runs",
    "usual_runs",
]

MAX_RUNS = 1000
USUAL_RUNS = 1.5
"""Times the effects to estimate: enough to know the spread of runs too."""
MIN_LOSS = 1e-6
"""Of efficiency, by which an array is none that is orthogonal for these factors."""
STARTS, STARTED_PLACES = 20, 240
"""Random starts of the exchange: so many for 240 places (24 runs of 10 tricks), fewer for more."""


def separating_runs(
    checklist: Checklist, known: Sequence[Trial], pair: tuple[str, str], limits: Limits
) -> int:
    """Return how many runs in all a screen has that tells `pair` apart, beside those `known`."""
    factors = Factors.of(checklist, {trial.seed for trial in known}, limits, pair)
    had = sum(factors.row(trial.choices, trial.seed) is not None for trial in known)
    levels = [len(checklist.trick(name).options) for name in pair]
    least = runs_to_separate((levels[0], levels[1]))
    return max(had + least, factors.effects + 1)


def screen_sizes(checklist: Checklist) -> tuple[int, ...]:
    """Return the number of levels of each factor of a screen of all of `checklist`.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> screen_sizes(Checklist("mine", (Trick("mixup", "", ("off", "on", "strong")),)))
    (3,)
    """
    return tuple(Factors.of(checklist, (0,), Limits()).sizes)


def usual_runs(checklist: Checklist, seeds: int = 1, limits: Limits | None = None) -> int:
    """Return how many runs a screen has where none are asked for; no more than differ.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> tricks = [Trick(name, "", ("off", "on")) for name in ("mixup", "cutout", "ema")]
    >>> usual_runs(Checklist("mine", tuple(tricks)))
    6
    >>> usual_runs(Checklist("mine", tuple(tricks[:1])))
    2
    """
    factors = Factors.of(checklist, range(seeds), limits or Limits())
    usual = int(np.ceil(USUAL_RUNS * factors.effects))
    return min(usual, factors.different)


def make_screen(
    checklist: Checklist,
    runs: int,
    *,
    seeds: Sequence[int] = (0,),
    known: Sequence[Trial] = (),
    limits: Limits | None = None,
    pair: Collection[str] = (),
) -> list[Trial]:
    """Return the `runs` trials of a screen of `checklist`, whose baseline options come first.

    The baseline's trial is the first. Trials in `known`, which exist, are counted in and keep
    their names; those that are added fit them best. `seeds` are blocks: each trial has one of
    them. Those that are added tell the tricks of a `pair` apart, if one is given. Raises
    `UserError` for fewer runs than there are effects, and for more than differ.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> names = ("mixup", "cutout", "ema")
    >>> mine = Checklist("mine", tuple(Trick(name, "", ("off", "on")) for name in names))
    >>> for trial in make_screen(mine, runs=4):
    ...     print(trial.name, [option for option in trial.choices.values()])
    baseline ['off', 'off', 'off']
    screen-01 ['off', 'on', 'on']
    screen-02 ['on', 'off', 'on']
    screen-03 ['on', 'on', 'off']
    """
    limits = limits or Limits()
    factors = Factors.of(checklist, {*seeds, *(trial.seed for trial in known)}, limits, pair)
    _check(checklist, factors, runs)
    baseline = baseline_choices(checklist)
    kept = [(t, row) for t in known if (row := factors.row(t.choices, t.seed)) is not None]
    first = factors.row(baseline, min(seeds))
    assert first is not None
    kept = sorted(kept, key=lambda pair: pair[1] != first)
    trials = [trial for trial, _ in kept]
    if first not in [row for _, row in kept]:
        trials.insert(0, Trial(None, None, "", min(seeds), baseline))
        kept.insert(0, (trials[0], first))
    rows = _rows(factors, np.array([row for _, row in kept], dtype=int), runs, limits)
    if len(rows) < runs and not pair:  # all that there are tell a pair apart as well as can be
        raise UserError(
            f"runs={runs}: there are only {len(rows)} different trials of these options; give "
            f"runs={len(rows)}, or more seeds (seeds={len(factors.seeds) + 1})"
        )
    number = max((_number(trial) for trial in trials), default=0)
    for row in rows[len(kept) :].tolist():
        choices = {**baseline, **factors.choices(row)}
        seed = factors.seeds[row[-1]] if len(factors.seeds) > 1 else factors.seeds[0]
        trial = _ordinary(checklist, choices, baseline, seed)
        if trial is None:
            number += 1
            trial = Trial(SCREEN, f"{number:02d}", "", seed, choices)
        trials.append(trial)
    return trials


def _check(checklist: Checklist, factors: Factors, runs: int) -> None:
    if not factors.tricks:
        raise UserError(f"checklist {checklist.name!r} has no options to screen for this model")
    if runs > MAX_RUNS:
        raise UserError(f"runs={runs}: give runs={MAX_RUNS} or fewer")
    if runs < factors.effects:
        blocks = f" and {len(factors.seeds)} seeds" if len(factors.seeds) > 1 else ""
        options = sum(len(levels) - 1 for levels in factors.levels)
        raise UserError(
            f"runs={runs} are too few to tell {options} options{blocks} apart; give "
            f"runs={factors.effects} or more ({int(np.ceil(USUAL_RUNS * factors.effects))} know "
            "the spread of runs too)"
        )


def _rows(factors: Factors, kept: Levels, runs: int, limits: Limits) -> Levels:
    """Return `kept` and the rows that fit it best; an orthogonal array where one has these runs."""
    sizes, apart = factors.sizes, factors.pairs(limits.apart)
    exact = orthogonal_rows(sizes, runs) if len(kept) == 1 else None
    if (
        exact is not None
        and allowed(exact, apart)
        and len(np.unique(exact, axis=0)) == runs
        and d_efficiency(exact, sizes) > 1 - MIN_LOSS
    ):
        return exact
    starts = int(np.clip(STARTS * STARTED_PLACES / (runs * len(sizes)), 3, STARTS))
    return exchange(sizes, kept, runs - len(kept), apart=apart, starts=starts)


def _ordinary(
    checklist: Checklist, choices: Mapping[str, str], baseline: Mapping[str, str], seed: int
) -> Trial | None:
    """Return the trial of `choices` where it changes at most one trick, as others name it."""
    changed = [trick for trick in checklist.tricks if choices[trick.name] != baseline[trick.name]]
    if not changed:
        return Trial(None, None, "", seed, choices)
    if len(changed) == 1:
        trick = changed[0]
        return Trial(trick.name, choices[trick.name], trick.section, seed, choices)
    return None


def _number(trial: Trial) -> int:
    found = re.fullmatch(r"\d+", trial.option or "") if trial.trick == SCREEN else None
    return int(found[0]) if found else 0
