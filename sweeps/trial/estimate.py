"""How long trials will take, from measured steps of each distinct architecture and batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from darkmagic.sweeps.trial.pretraining import without_pretraining

__all__ = ["estimate_seconds"]

STEPS = 4


def estimate_seconds(trials: Sequence[dict[str, Any]]) -> list[float] | str:
    """Return about how many seconds each of `trials` (resolved configurations) trains.

    Trains `STEPS` steps of each distinct architecture, batch size and way of stepping, after as
    many that warm up; validation and upstream training are left out. Runs in a child, on the
    device of the trials. One that does not apply takes none. Returns the message of an error that
    ends a trial, which may be the user's own.
    """
    from darkmagic.trainers.errors import own_error

    measured: dict[str, float] = {}
    try:
        return [_seconds(trial, measured) for trial in trials]
    except Exception as error:  # noqa: BLE001 (a user's network may raise anything)
        return own_error(error)


def _seconds(resolved: dict[str, Any], measured: dict[str, float]) -> float:
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.prepare.trial import Trial
    from darkmagic.trainers.step.throughput import count_steps, time_trial
    from darkmagic.trainers.trick import NotApplicable, TrialSkipped

    try:
        trial = Trial.prepare(make_recipe(without_pretraining(resolved)))
    except (NotApplicable, TrialSkipped):
        return 0.0
    kind = f"{trial.network} {trial.recipe.batch_size} {trial.hooks.step_cost}"
    if kind not in measured:
        measured[kind] = time_trial(trial, warm_up=STEPS, steps=STEPS, between=STEPS).step_seconds
    return measured[kind] * count_steps(trial)
