"""What a row probably does, beside what is proved of it: gain, and what it would be worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.costs import Ratio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from darkmagic.checklist.stats.effects import Effects

__all__ = ["FRONT_PROBABILITY", "PROBABLY", "Outlook", "on_front", "outlooks"]

PROBABLY = 0.75
"""The probability to help from which a row is called probably helpful."""
FRONT_PROBABILITY = 0.9
"""The probability that no row beats it, from which a row is marked."""
MAX_COMPARED = 50_000_000
"""Of draws by pairs of rows, for how probably a row is beaten."""


@dataclass(frozen=True)
class Outlook:
    """An estimate of a row's true gain that all rows of the table have a part in.

    `gain` is what to expect if its option is adopted; with 95 % probability it is between `low`
    and `high`. `helps` is the probability that it is above 0, and `best` that no other option of
    its trick is better, the baseline's included; both in [0, 1].

    >>> Outlook(gain=0.4, low=-0.1, high=0.9, helps=0.93, best=0.93).probably_helps
    True
    """

    gain: float
    low: float
    high: float
    helps: float
    best: float

    @property
    def probably_helps(self) -> bool:
        """Whether it helps with a probability of 75 % at least."""
        return self.helps >= PROBABLY


def outlooks(
    effects: Effects, tricks: Sequence[str | None], times: Mapping[int, Ratio]
) -> tuple[dict[int, Outlook], dict[int, float]]:
    """Return the outlook of every row that has one, and how probably nothing beats it.

    By index, the baseline's 0. `tricks` has each row's trick, None for the baseline; `times` its
    time a step, where it is known, with the standard error in place of the spread.
    """
    import numpy as np

    from darkmagic.checklist.stats.posterior import estimate_posterior

    posterior = estimate_posterior(effects)
    if posterior is None:
        return {}, {}
    gains = {trial: posterior.draws[:, i] for i, trial in enumerate(posterior.trials)}
    nothing = np.zeros(len(posterior.draws))
    highest_two = {
        trick: _highest_two(
            [nothing, nothing, *(g for t, g in gains.items() if tricks[t] == trick)]
        )
        for trick in {tricks[trial] for trial in gains}
    }
    found = {}
    for trial, drawn in gains.items():
        first, second = highest_two[tricks[trial]]
        highest = np.where(drawn == first, second, first)  # of the others, and of no gain
        low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
        found[trial] = Outlook(
            gain=float(drawn.mean()),
            low=low,
            high=high,
            helps=float((drawn > 0).mean()),
            best=float((drawn > highest).mean()),
        )
    known = {i: gain for i, gain in {0: nothing, **gains}.items() if i in times}
    front = on_front(list(known.values()), [times[i] for i in known])
    return found, dict(zip(known, front, strict=True))


def _highest_two(
    gains: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest and the second highest of each draw."""
    import numpy as np

    ordered = np.partition(np.stack(gains), len(gains) - 2, axis=0)
    return ordered[-1], ordered[-2]


def on_front(gains: Sequence[NDArray[np.float64]], times: Sequence[Ratio]) -> list[float]:
    """Return how probably no other row gains as much at no more time, given drawn `gains`.

    A row is beaten by another that gains at least as much, costs no more time, and is better in
    one of both (Pareto).
    """
    import numpy as np

    if not gains:
        return []
    draws = max(1, min(len(gains[0]), MAX_COMPARED // len(gains) ** 2))
    gain = np.stack(gains, axis=1)[:draws]
    noise = np.random.default_rng(1).standard_normal(gain.shape)
    time = np.array([t.value for t in times]) + noise * [t.spread or 0.0 for t in times]
    found = []
    for index in range(len(gains)):
        own_gain, own_time = gain[:, [index]], time[:, [index]]
        no_worse = (gain >= own_gain) & (time <= own_time)
        beaten = no_worse & ((gain > own_gain) | (time < own_time))
        found.append(float(1 - beaten.any(1).mean()))
    return found
