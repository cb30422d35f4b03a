"""The linear model of a sweep: accuracy = trial + seed + noise, by ordinary least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Design", "Run", "designs", "fit", "seed_variance"]

Array = NDArray[np.float64]
Indices = NDArray[np.int_]


@dataclass(frozen=True)
class Run:
    """One finished run: `trial` is 0 for the baseline, `accuracy` is in percent."""

    trial: int
    seed: int
    accuracy: float


@dataclass(frozen=True)
class Design:
    """Least squares over `runs`: a mean for each trial and, where `blocked`, one for each seed.

    `effects[i]` is trial `trials[i]` minus the baseline, in points. In it counts each run of
    that trial for 1 / `counts[i]`, and every run for what `shared` (groups, runs) says of the
    trial's group besides: trials with the same seeds are one group, so that there are few.
    Over the runs of any trial but the baseline these shared weights sum to 0. `residuals` and
    `leverages` are of each run; `trial_of` is its trial's index, 0 for the baseline's.
    """

    runs: tuple[Run, ...]
    trials: tuple[int, ...]  # those whose difference can be estimated, without the baseline
    blocked: bool
    effects: Array
    counts: Array  # runs of each trial
    group_of: Indices  # of each trial
    shared: Array
    residuals: Array
    leverages: Array
    trial_of: Indices
    seed_effects: dict[int, float]  # of the blocks; 0 for the first
    df: int

    @property
    def variance(self) -> float:
        """Residual variance in squared points; NaN without degrees of freedom."""
        return float(self.residuals @ self.residuals) / self.df if self.df else float("nan")


def designs(runs: Sequence[Run]) -> list[Design]:
    """Return the one or two models that suit the shape of the data, the blocked one first.

    Seeds are blocks where trials share them. A blocked model cannot use runs of the baseline
    whose seeds no other trial has, so there is a second model, without blocks, that does.
    """
    sharing = _trials_of_seeds(runs)
    shared = [run for run in runs if len(sharing[run.seed]) > 1]
    found = []
    if len({run.seed for run in shared}) > 1 and any(run.trial == 0 for run in shared):
        found.append(fit(shared, blocked=True))
    if not found or {0} in sharing.values():
        found.append(fit(runs, blocked=False))
    return found


def seed_variance(design: Design) -> float | None:
    """Return the variance between seeds, in squared points, by Henderson's method 3.

    None where the model has no blocks or no degrees of freedom; never below 0.
    """
    if not design.blocked or not design.df:
        return None
    trials = design.trial_of
    accuracies = np.array([run.accuracy for run in design.runs])
    counts = np.bincount(trials)
    means = np.bincount(trials, accuracies) / counts
    within = float(((accuracies - means[trials]) ** 2).sum())  # left without blocks
    df = len(accuracies) - len(counts)
    cli_errors = within - float(design.residuals @ design.residuals)
    return max(0.0, (cli_errors - (df - design.df) * design.variance) / df)


def _trials_of_seeds(runs: Sequence[Run]) -> dict[int, set[int]]:
    trials: dict[int, set[int]] = {}
    for run in runs:
        trials.setdefault(run.seed, set()).add(run.trial)
    return trials


def _linked(runs: Sequence[Run], reference: int) -> list[Run]:
    """Keep the runs that chains of shared seeds link with the reference's."""
    trials_of = _trials_of_seeds(runs)
    reached, grown = {reference}, True
    while grown:
        wider = reached.union(*(trials for trials in trials_of.values() if trials & reached))
        grown, reached = wider != reached, wider
    return [run for run in runs if run.trial in reached]


def fit(runs: Sequence[Run], *, blocked: bool) -> Design:
    """Fit a mean for each trial and, if `blocked`, one for each seed.

    The first trial, by number, is the one that the others are compared with; trials that
    no chain of shared seeds links with it are left out of a blocked model. The trials' means
    are eliminated from the normal equations, which leaves one for each seed: time and memory
    grow with the runs, not with runs times trials.
    """
    runs = _linked(runs, min(run.trial for run in runs)) if blocked else runs
    trials, trial_of = np.unique([run.trial for run in runs], return_inverse=True)
    of_seed = [run.seed if blocked else 0 for run in runs]
    seeds, seed_of = np.unique(of_seed, return_inverse=True)
    accuracies = np.array([run.accuracy for run in runs])
    centre = accuracies.mean()
    counts = np.bincount(trial_of)
    means = np.bincount(trial_of, accuracies - centre) / counts

    table = np.zeros((len(trials), len(seeds)))
    np.add.at(table, (trial_of, seed_of), 1)
    shares, group_of = np.unique(table / counts[:, None], axis=0, return_inverse=True)
    group_of = group_of.reshape(-1)
    left = accuracies - centre - means[trial_of]
    inverse, levels = _solve_seeds(table, counts, np.bincount(seed_of, left).astype(float))
    centred = means - shares[group_of] @ levels

    against = (shares - shares[group_of[0]]) @ inverse
    shared = (against @ shares.T)[:, group_of[trial_of]] - against[:, seed_of]
    shared[:, trial_of == 0] -= 1 / counts[0]
    within = shares @ inverse
    around = np.diag(inverse) - 2 * within + (within * shares).sum(1)[:, None]
    return Design(
        runs=tuple(runs),
        trials=tuple(trials[1:].tolist()),
        blocked=blocked,
        effects=centred[1:] - centred[0],
        counts=counts[1:].astype(float),
        group_of=group_of[1:],
        shared=shared,
        residuals=left + (shares @ levels)[group_of[trial_of]] - levels[seed_of],
        leverages=1 / counts[trial_of] + around[group_of[trial_of], seed_of],
        trial_of=trial_of,
        seed_effects=dict(zip(seeds[1:].tolist(), levels[1:].tolist(), strict=True)),
        df=len(runs) - len(trials) - len(seeds) + 1,
    )


def _solve_seeds(table: Array, counts: Indices, sums: Array) -> tuple[Array, Array]:
    """Return the inverse of the seeds' own normal equations, 0 for the first, and its levels.

    `table` (trials, seeds) counts runs, `sums` (seeds,) adds up their distances from the means
    of their trials.
    """
    equations = np.diag(table.sum(0)) - table.T @ (table / counts[:, None])
    inverse = np.zeros_like(equations)
    levels = np.zeros(len(sums))
    if len(sums) > 1:
        inverse[1:, 1:] = np.linalg.inv(equations[1:, 1:])
        levels[1:] = np.linalg.solve(equations[1:, 1:], sums[1:])
    return inverse, levels
