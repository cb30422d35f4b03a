"""The learning rate as a trick of a screen, with its interaction with the optimizers.

Optimizers want other rates than one another. So where a screen varies both, their combinations
are told apart, and an optimizer is compared at its best rate with the baseline's at its own best.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from darkmagic.checklist.designs.crossed.pairs import averaged
from darkmagic.checklist.designs.fit import Array, ScreenFit
from darkmagic.checklist.model import RATE_TRICK, Checklist, Trick, rates_needed

__all__ = ["best_rates", "row_weights", "with_rates"]

RATES = Trick(RATE_TRICK, "rates", ("x1", "x0.3", "x3"))


def with_rates(checklist: Checklist) -> Checklist:
    """Return `checklist` with the rate as its last trick, if one of its options needs its own.

    >>> mine = Checklist("mine", (Trick("opt", "", ("sgd", "adam"), retune={"adam": ("lr",)}),))
    >>> [trick.name for trick in with_rates(mine).tricks]
    ['opt', 'learning_rate']
    """
    if not rates_needed(checklist) or any(t.name == RATE_TRICK for t in checklist.tricks):
        return checklist
    return dataclasses.replace(checklist, tricks=(*checklist.tricks, RATES))


def best_rates(fit: ScreenFit, baseline: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return the rate at which each optimizer is best by `fit`, the baseline's among them.

    Empty where no optimizer is crossed with the rate.
    """
    found: dict[tuple[str, str], str] = {}
    for trick in _rated(fit):
        rates = [baseline[RATE_TRICK], *_options(fit, RATE_TRICK)]
        for option in (baseline[trick], *_options(fit, trick)):
            level = {rate: _cell(fit, (trick, option), rate) @ fit.coefficients for rate in rates}
            found[trick, option] = max(level, key=level.__getitem__)
    return found


def row_weights(fit: ScreenFit, baseline: Mapping[str, str]) -> Array:
    """Return the weights (options, columns) of the coefficients in each option's difference.

    An optimizer's is from its best rate to the baseline's at its own best; that of a rate is at the
    baseline's optimizer. All others are averages over the options of other tricks.
    """
    weights = np.eye(len(fit.options), len(fit.coefficients), 1)
    best = best_rates(fit, baseline)
    for index, (trick, option) in enumerate(fit.options):
        if trick in _rated(fit):
            own = _cell(fit, (trick, option), best[trick, option])
            base = baseline[trick]
            weights[index] = own - _cell(fit, (trick, base), best[trick, base])
    return averaged(fit, weights, baseline)


def _rated(fit: ScreenFit) -> list[str]:
    return [trick for trick, other in fit.crossed if other == RATE_TRICK]


def _options(fit: ScreenFit, trick: str) -> list[str]:
    return [option for name, option in fit.options if name == trick]


def _cell(fit: ScreenFit, choice: tuple[str, str], rate: str) -> Array:
    """Return the columns that are 1 for `choice` at `rate`, all else at the baseline's."""
    columns = np.zeros(len(fit.coefficients))
    columns[0] = 1.0
    at = (RATE_TRICK, rate)
    for index, option in enumerate(fit.options, start=1):
        columns[index] = option in (choice, at)
    first = 1 + len(fit.options)
    for index, pair in enumerate(fit.pairs, start=first):
        columns[index] = pair == (choice, at)
    return columns
