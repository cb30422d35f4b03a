"""The trials of a screen: each mixes options of all tricks, so that every run informs of all."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from darkmagic.checklist.designs.arrays import orthogonal_rows
from darkmagic.checklist.designs.coding import Levels
from darkmagic.checklist.designs.crossed.pairs import runs_to_separate
from darkmagic.checklist.designs.efficiency import d_efficiency
from darkmagic.checklist.designs.exchange import Pair, allowed, exchange
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import RATE_TRICK, SCREEN, Checklist, Trial, rate_partners
from darkmagic.checklist.plan import baseline_choices

__all__ = [
    "MAX_RUNS",
    "Factors",
    "Limits",
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
Choice = tuple[str, str]


@dataclass(frozen=True)
class Limits:
    """What a screen leaves out: `dropped` options with the reason, and `apart`, pairs of options
    that exclude each other, each a trick and an option. `together` are pairs of tricks that it has
    runs of its own to tell apart.
    """

    dropped: Mapping[Choice, str] = field(default_factory=dict)
    apart: Collection[tuple[Choice, Choice]] = ()
    together: Collection[tuple[str, str]] = ()

    @property
    def sentences(self) -> list[str]:
        """What is left out, and why; empty if nothing is.

        >>> print(*Limits({("drop_path", "0.1"): "does not apply: no sum of two"}).sentences)
        drop_path=0.1 is not in the screen: it does not apply: no sum of two.
        """
        found = [
            f"{trick}={option} is not in the screen: it {reason}."
            for (trick, option), reason in self.dropped.items()
        ]
        if self.apart:
            pairs = ", ".join(f"{'='.join(a)} with {'='.join(b)}" for a, b in self.apart)
            found.append(f"No trial combines what excludes each other: {pairs}.")
        return found


def separating_runs(
    checklist: Checklist, known: Sequence[Trial], pair: tuple[str, str], limits: Limits
) -> int:
    """Return how many runs in all a screen has that tells `pair` apart, beside those `known`."""
    factors = Factors.of(checklist, {trial.seed for trial in known}, limits, pair)
    had = sum(factors.row(trial.choices, trial.seed) is not None for trial in known)
    levels = [len(checklist.trick(name).options) for name in pair]
    least = runs_to_separate((levels[0], levels[1]))
    return max(had + least, factors.effects + 1)


@dataclass(frozen=True)
class Factors:
    """What varies in a screen: tricks with the options that can be had, and the seeds as blocks.

    A factor is one trick, or several whose combinations are all told apart: its `levels` are
    options of each of its `tricks`, the baseline's first.
    """

    tricks: tuple[tuple[str, ...], ...]
    levels: tuple[tuple[tuple[str, ...], ...], ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(
        cls,
        checklist: Checklist,
        seeds: Collection[int],
        limits: Limits,
        pair: Collection[str] = (),
    ) -> Factors:
        """Return the factors of `checklist` without what `limits` drop.

        The tricks of a `pair` are one factor; without one, the optimizers and the rate are.
        """
        left = {
            trick.name: tuple(o for o in trick.options if (trick.name, o) not in limits.dropped)
            for trick in checklist.tricks
        }
        kept = {name: options for name, options in left.items() if len(options) > 1}
        one = pair or (*rate_partners(checklist), RATE_TRICK)
        crossed = tuple(name for name in kept if name in one)
        crossed = crossed if len(crossed) > 1 and (pair or RATE_TRICK in crossed) else ()
        groups: list[tuple[str, ...]] = [(name,) for name in kept if name not in crossed]
        groups += [crossed] if crossed else []
        levels = tuple(tuple(itertools.product(*(kept[n] for n in names))) for names in groups)
        return cls(tuple(groups), levels, tuple(sorted(seeds)))

    @property
    def sizes(self) -> list[int]:
        """The number of levels of each factor; that of the seeds last, where there are several."""
        blocks = [len(self.seeds)] if len(self.seeds) > 1 else []
        return [*map(len, self.levels), *blocks]

    @property
    def different(self) -> int:
        """The trials that there are, where nothing excludes anything."""
        return math.prod(self.sizes)

    @property
    def effects(self) -> int:
        """Parameters of the model: the baseline's level, the levels' effects and the seeds'."""
        return 1 + sum(size - 1 for size in self.sizes)

    def row(self, choices: Mapping[str, str], seed: int) -> list[int] | None:
        """Return the levels of a trial; None for one with what this screen does not vary."""
        try:
            levels = [
                levels.index(tuple(choices[name] for name in names))
                for names, levels in zip(self.tricks, self.levels, strict=True)
            ]
        except (KeyError, ValueError):
            return None
        return [*levels, self.seeds.index(seed)] if len(self.seeds) > 1 else levels

    def choices(self, row: Sequence[int]) -> dict[str, str]:
        """Return the options of a row, by trick."""
        found: dict[str, str] = {}
        for names, levels, level in zip(self.tricks, self.levels, row, strict=False):
            found.update(zip(names, levels[level], strict=True))
        return found

    def pairs(self, apart: Collection[tuple[Choice, Choice]]) -> list[Pair]:
        """Return `apart` as factors and levels, those of options that are left."""
        places: dict[Choice, list[tuple[int, int]]] = {}
        for factor, (names, levels) in enumerate(zip(self.tricks, self.levels, strict=True)):
            for level, options in enumerate(levels):
                for choice in zip(names, options, strict=True):
                    places.setdefault(choice, []).append((factor, level))
        return [
            (one, other)
            for a, b in apart
            for one in places.get(a, ())
            for other in places.get(b, ())
        ]


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
