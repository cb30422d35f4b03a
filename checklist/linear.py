"""The linear model of a sweep: accuracy = trial + seed + noise, by ordinary least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Design", "Run", "designs", "fit", "seed_variance"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """One finished run: `trial` is 0 for the baseline, `accuracy` is in percent."""

    trial: int
    seed: int
    accuracy: float


@dataclass(frozen=True)
class Design:
    """Least squares over `runs`: a mean for each trial and, where `blocked`, one for each seed.

    `effects[i]` is trial `trials[i]` minus the baseline, in points; `weights` (trials, runs)
    are what each run counts for in it; `residuals` and `leverages` are of each run.
    """

    runs: tuple[Run, ...]
    trials: tuple[int, ...]  # those whose difference can be estimated, without the baseline
    blocked: bool
    effects: Array
    weights: Array
    residuals: Array
    leverages: Array
    seed_effects: dict[int, float]  # of the blocks; 0 for the first
    df: int

    @property
    def variance(self) -> float:
        """Residual variance in squared points; NaN without degrees of freedom."""
        return float(self.residuals @ self.residuals) / self.df if self.df else float("nan")


def designs(runs: Sequence[Run]) -> list[Design]:
    """Return the one or two models that suit the shape of the data, the blocked one first.

    Seeds are blocks where trials share them. Runs of the baseline under seeds of its own tell
    a blocked model nothing, so beside it stands a model without blocks that uses them.
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
    trials = np.unique([run.trial for run in design.runs], return_inverse=True)[1]
    accuracies = np.array([run.accuracy for run in design.runs])
    counts = np.bincount(trials)
    means = np.bincount(trials, accuracies) / counts
    within = float(((accuracies - means[trials]) ** 2).sum())  # left without blocks
    df = len(accuracies) - len(counts)
    explained = within - float(design.residuals @ design.residuals)
    return max(0.0, (explained - (df - design.df) * design.variance) / df)


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
    no chain of shared seeds links with it are left out of a blocked model.
    """
    from statsmodels.regression.linear_model import OLS

    reference = min(run.trial for run in runs)
    runs = _linked(runs, reference) if blocked else runs
    trials = sorted({run.trial for run in runs} - {reference})
    seeds = sorted({run.seed for run in runs})[1:] if blocked else []
    trial_of = np.array([run.trial for run in runs])
    seed_of = np.array([run.seed for run in runs])
    design = np.column_stack(
        [
            np.ones(len(runs)),
            *(trial_of == trial for trial in trials),
            *(seed_of == seed for seed in seeds),
        ]
    ).astype(float)
    fitted: Any = OLS(np.array([run.accuracy for run in runs]), design).fit(method="qr")
    weights = fitted.normalized_cov_params @ design.T
    return Design(
        runs=tuple(runs),
        trials=tuple(trials),
        blocked=blocked,
        effects=fitted.params[1 : 1 + len(trials)],
        weights=weights[1 : 1 + len(trials)],
        residuals=fitted.resid,
        leverages=np.einsum("ij,ji->i", design, weights),
        seed_effects=dict(zip(seeds, fitted.params[1 + len(trials) :].tolist(), strict=True)),
        df=len(runs) - design.shape[1],
    )
