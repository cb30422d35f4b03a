"""Proposals of models that are no samplers of Optuna's own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from darkmagic.sweeps.tune.space.parameters import recipe_of
from darkmagic.sweeps.tune.space.space import Space
from darkmagic.sweeps.tune.suggest.gp import propose_by_gp
from darkmagic.sweeps.tune.suggest.ridge import propose_by_ridge
from darkmagic.sweeps.tune.suggest.samplers import Sampler

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["propose"]


def propose(
    sampler: Sampler,
    space: Space,
    trials: Sequence[FrozenTrial],
    directions: Sequence[Literal["maximize", "minimize"]],
    seed: int,
) -> Mapping[str, Any] | None:
    """Return the parameters that `sampler` tries next; None where Optuna's own sampler says."""
    from optuna.trial import TrialState

    ended = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    running = [
        trial
        for trial in trials
        if trial.state is TrialState.RUNNING and recipe_of(space, trial) is not None
    ]
    if sampler is Sampler.GP:
        return propose_by_gp(space, ended, running, directions, seed)
    if sampler is Sampler.RIDGE:
        return propose_by_ridge(space, ended, running, directions[0], seed)
    return None
