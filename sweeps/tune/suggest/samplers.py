"""Samplers of a study, by name: which recipe is tried next."""

from __future__ import annotations

import warnings
from enum import StrEnum
from typing import TYPE_CHECKING

from darkmagic.checklist.errors import UserError, nearest

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["STARTUP", "Sampler", "make_sampler", "read_sampler"]

STARTUP = 10
"""Trials that are drawn at random before a model of them is any use."""


class Sampler(StrEnum):
    """How a study chooses what to try next."""

    TPE = "tpe"
    """Tree-structured Parzen estimator: options and numbers that good trials have."""
    GP = "gp"
    """Gaussian process, in a process that has torch."""
    CMA = "cma"
    """CMA-ES: an evolution strategy over the numbers; options are drawn at random."""
    RIDGE = "ridge"
    """Our own: a ridge model with a term for every two parameters."""


ONE_OBJECTIVE = (Sampler.CMA, Sampler.RIDGE)


def read_sampler(name: str, objectives: int = 1) -> Sampler:
    """Return the sampler called `name`; raise `UserError` where it cannot be had.

    >>> read_sampler("gp") is Sampler.GP
    True
    """
    if name not in list(Sampler):
        raise UserError(f"sampler={name}: no such sampler; " + nearest(name, list(Sampler)))
    sampler = Sampler(name)
    if sampler in ONE_OBJECTIVE and objectives > 1:
        raise UserError(f"sampler={name} has one objective; choose sampler=tpe or gp for several")
    return sampler


def make_sampler(sampler: Sampler, seed: int) -> BaseSampler:
    """Return Optuna's sampler for `sampler`; one at random for those that propose elsewhere."""
    from optuna import samplers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of its arguments are said to be experimental
        if sampler is Sampler.TPE:
            return samplers.TPESampler(
                n_startup_trials=STARTUP, multivariate=True, group=True, seed=seed
            )
        if sampler is Sampler.CMA:
            return samplers.CmaEsSampler(
                n_startup_trials=STARTUP, seed=seed, warn_independent_sampling=False
            )
        return samplers.RandomSampler(seed=seed)
