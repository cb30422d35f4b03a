"""What varies in a screen, and what it leaves out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from darkmagic.checklist.designs.exchange import Pair
from darkmagic.checklist.model import RATE_TRICK, Checklist, rate_partners

__all__ = ["Choice", "Factors", "Limits"]

Choice = tuple[str, str]
"""A trick and an option of it."""


@dataclass(frozen=True)
class Limits:
    """What a screen leaves out: `dropped` options with the reason, and `apart`, pairs of options
    that exclude each other, each a trick and an option. `together` are pairs of tricks that it has
    runs of its own to tell apart, with the look that those belong to (0 if not known). `unseen`
    says why it is not known what cannot be had; empty where it is.
    """

    dropped: Mapping[Choice, str] = field(default_factory=dict)
    apart: Collection[tuple[Choice, Choice]] = ()
    together: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unseen: str = ""

    @property
    def sentences(self) -> list[str]:
        """What is left out, and why; empty if nothing is.

        >>> print(*Limits({("drop_path", "0.1"): "does not apply: no sum of two"}).sentences)
        drop_path=0.1 is not in the screen: it does not apply: no sum of two.
        """
        found = [f"{self.unseen}."] if self.unseen else []
        found += [
            f"{trick}={option} is not in the screen: it {reason}."
            for (trick, option), reason in self.dropped.items()
        ]
        if self.apart:
            pairs = ", ".join(f"{'='.join(a)} with {'='.join(b)}" for a, b in self.apart)
            found.append(f"No trial combines what excludes each other: {pairs}.")
        return found


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
