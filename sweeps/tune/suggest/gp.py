"""A Gaussian process over a study's trials, which proposes the next from a process with torch.

Optuna's needs torch, which the process of the command line never imports.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.tune.space.parameters import draw_from
from darkmagic.sweeps.tune.space.space import Space
from darkmagic.sweeps.tune.suggest.samplers import STARTUP

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["propose_by_gp"]

Direction = Literal["maximize", "minimize"]
SECONDS = 600.0
"""That a proposal may take: of hundreds of trials it is some seconds."""
WORST_SPREADS = 3.0
"""Robust spreads below the median to which the model sees the worst trials: beyond, bad is bad."""


def propose_by_gp(
    space: Space,
    ended: Sequence[FrozenTrial],
    running: Sequence[FrozenTrial],
    directions: Sequence[Direction],
    seed: int,
) -> Mapping[str, Any]:
    """Return the parameters that a Gaussian process over the trials that `ended` tries next.

    Trials that are `running` count as average ones, so that those side by side differ.
    """
    trials = list(_imputed(ended, running, directions))
    env = {"CUDA_VISIBLE_DEVICES": ""}

    def ask() -> Mapping[str, Any]:
        job = fork_server.start(_propose, space, trials, directions, seed, env=env, threads=1)
        found: Mapping[str, Any] = wait_for(job, SECONDS)
        return found

    try:
        try:
            return ask()
        except DiedError:  # as for want of memory, of which there may be more now
            return ask()
    except DiedError as died:
        why = f"had its process ended twice (exit code {died.code})"
    except SilentError as silent:
        why = f"gave no proposal for {silent.seconds:.0f} s"
    raise UserError(f"sampler=gp {why}: the same command goes on with the study, or sampler=tpe")


def _imputed(
    ended: Sequence[FrozenTrial], running: Sequence[FrozenTrial], directions: Sequence[Direction]
) -> Iterator[FrozenTrial]:
    """Yield trials with a value each, the worst drawn nearer: a model of far outliers would be
    about little else.
    """
    from optuna.trial import create_trial

    signs = np.array([1 if direction == "maximize" else -1 for direction in directions])
    values = signs * np.array([trial.values for trial in ended], dtype=float)
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    worst = np.where(spread > 0, middle - WORST_SPREADS * spread, -np.inf)
    seen = [*np.maximum(values, worst), *([middle] * len(running))]
    for trial, value in zip([*ended, *running], seen, strict=True):
        own, spans = trial.params, trial.distributions
        yield create_trial(values=(signs * value).tolist(), params=own, distributions=spans)


def _propose(
    space: Space, trials: Sequence[FrozenTrial], directions: Sequence[Direction], seed: int
) -> Mapping[str, Any]:
    """Make the proposal, in the child."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sampler is said to be experimental
        sampler = optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=STARTUP, warn_independent_sampling=False
        )
        study = optuna.create_study(sampler=sampler, directions=list(directions))
        study.add_trials(trials)
        trial = study.ask()
        draw_from(space, trial)
    return trial.params
