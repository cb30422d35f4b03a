"""What recipes truly bring, where that is known: simulated, or measured by training them all."""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.designs.screen import make_screen
from darkmagic.checklist.model import Checklist, Trial, Trick
from screens import ARTICLE, SPREAD

Array = NDArray[np.float64]
Row = tuple[int, ...]
"""The option of each trick in a recipe, by its place; 0 is the baseline's."""
GAIN = 0.3
MEASURED = Path(__file__).parents[3] / "docs" / "results" / "digits_factorial.csv"
"""Every combination of seven tricks on digits: a row a run, its options and its accuracy."""


@dataclass(frozen=True)
class Space:
    """The recipes of a checklist."""

    checklist: Checklist

    @functools.cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(trick.options) for trick in self.checklist.tricks)

    @functools.cached_property
    def options(self) -> list[tuple[str, str]]:
        return [(trick.name, o) for trick in self.checklist.tricks for o in trick.options[1:]]

    @functools.cached_property
    def first(self) -> dict[str, str]:
        return {trick.name: trick.options[0] for trick in self.checklist.tricks}

    @functools.cached_property
    def every(self) -> NDArray[np.int64]:
        return np.array(list(itertools.product(*map(range, self.sizes))))

    @property
    def baseline(self) -> Row:
        return (0,) * len(self.sizes)

    def row_of(self, choices: Mapping[str, str]) -> Row:
        """Return the row of `choices`, baseline options where they say nothing."""
        return tuple(
            t.options.index(choices.get(t.name, t.options[0])) for t in self.checklist.tricks
        )

    @functools.cached_property
    def columns(self) -> tuple[Array, Array]:
        """For every recipe which options it has, and which pairs of two tricks' options."""
        sizes, every = self.sizes, self.every
        has = [every[:, k] == level for k, size in enumerate(sizes) for level in range(1, size)]
        factor = [k for k, size in enumerate(sizes) for _ in range(1, size)]
        pairs = [
            a & b
            for (i, a), (j, b) in itertools.combinations(enumerate(has), 2)
            if factor[i] != factor[j]
        ]
        return np.column_stack(has).astype(float), np.column_stack(pairs).astype(float)

    def screen(self, runs: int) -> list[Trial]:
        """Return a screen, which takes a while to make."""
        if runs not in self._screens:
            self._screens[runs] = make_screen(self.checklist, runs)
        return self._screens[runs]

    @functools.cached_property
    def _screens(self) -> dict[int, list[Trial]]:
        return {}


@dataclass(frozen=True)
class World:
    """What every recipe truly brings over the baseline: `truth` has an axis a trick.

    `luck` is what runs of each recipe and of its neighbours brought beyond it, in points, to draw
    from; None is normal luck, the same everywhere.
    """

    space: Space
    truth: Array
    gains: dict[tuple[str, str], float]  # of each option alone, without pairs
    luck: Mapping[Row, Array] | None = None

    @property
    def best(self) -> float:
        return float(self.truth.max())


@dataclass
class Bench:
    """A world that is asked for runs, and counts them: `rows` brought `values`."""

    world: World
    rng: np.random.Generator
    rows: list[Row] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def space(self) -> Space:
        return self.world.space

    def run(self, levels: Sequence[float]) -> float:
        """Train once: return what `levels` bring, with the luck of its run."""
        row = tuple(int(level) for level in levels)
        luck = self.world.luck
        drawn = SPREAD * self.rng.normal() if luck is None else self.rng.choice(luck[row])
        self.rows.append(row)
        self.values.append(float(self.world.truth[row]) + float(drawn))
        return self.values[-1]

    def rerun(self, rows: Sequence[Row], times: int) -> dict[Row, float]:
        """Return the mean of fresh runs of each of `rows`."""
        return {row: float(np.mean([self.run(row) for _ in range(times)])) for row in rows}


SIMULATED = Space(ARTICLE)


def make_world(kind: str, rng: np.random.Generator) -> World:
    """Return a world of five options that gain 0.3, five that lose as much, and five of no effect.

    `dense` adds what every two options do beyond their sum, of deviation 0.1; `sparse` five pairs
    of deviation 0.5. `digits` is what training brought (`read_measured`).
    """
    if kind == "digits":
        return read_measured()
    options = SIMULATED.options
    has, pairs = SIMULATED.columns
    signs = rng.permutation([1] * 5 + [-1] * 5 + [0] * (len(options) - 10)).tolist()
    gains = {option: GAIN * sign for option, sign in zip(options, signs, strict=True)}
    truth = has @ np.array([gains[option] for option in options])
    if kind == "dense":
        truth = truth + pairs @ (0.1 * rng.normal(size=pairs.shape[1]))
    if kind == "sparse":
        some = rng.permutation(pairs.shape[1])[:5]
        truth = truth + pairs[:, some] @ (0.5 * rng.normal(size=5))
    return World(SIMULATED, truth.reshape(SIMULATED.sizes), gains)


@functools.cache
def read_measured(path: Path = MEASURED) -> World:
    """Return the world of a file of runs, of which every recipe has two or more.

    A recipe's own mean has the luck of its runs in it, and a strategy that sees those runs would
    be paid for it. So the truth is what options and pairs of options explain of all runs (least
    squares). Luck is how far runs are from the mean of their recipe, made as wide as the degrees
    of freedom say: some recipes vary much more than others, so that of a recipe is drawn from its
    own and from those that differ from it in one trick.
    """
    with path.open() as file:
        table = list(csv.DictReader(file))
    names = [name for name in table[0] if name not in {"seed", "accuracy"}]
    options = {name: tuple(dict.fromkeys(line[name] for line in table)) for name in names}
    space = Space(Checklist("digits", tuple(Trick(n, "measured", o) for n, o in options.items())))
    rows = np.array([space.row_of({n: line[n] for n in names}) for line in table])
    accuracy = np.array([100 * float(line["accuracy"]) for line in table])
    of_row = np.ravel_multi_index(tuple(rows.T), space.sizes)
    counts = np.bincount(of_row, minlength=len(space.every))
    assert counts.min() > 1, "a recipe with fewer runs than two"
    model = np.column_stack([np.ones(len(space.every)), *space.columns])
    fitted, *_ = np.linalg.lstsq(model[of_row], accuracy, rcond=None)
    truth = model @ fitted - fitted[0]
    gains = dict(zip(space.options, fitted[1:], strict=False))
    means = np.bincount(of_row, accuracy) / counts
    left = (accuracy - means[of_row]) * np.sqrt(counts / (counts - 1))[of_row]
    luck = {
        tuple(row): left[(space.every != row).sum(axis=1)[of_row] <= 1]
        for row in space.every.tolist()
    }
    return World(space, truth.reshape(space.sizes), gains, luck)
