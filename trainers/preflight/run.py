"""All checks of one trial, in the order in which a person would check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from darkmagic.trainers.errors import is_memory, own_error, short_message
from darkmagic.trainers.preflight.amounts import check_updates, check_validation
from darkmagic.trainers.preflight.budget import Budget, OutOfTime
from darkmagic.trainers.preflight.copies import check_copies
from darkmagic.trainers.preflight.counts import check_classes
from darkmagic.trainers.preflight.files import check_files, check_reading
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.gradients import check_gradients
from darkmagic.trainers.preflight.inputs import check_inputs, check_pixels, check_weights_scaling
from darkmagic.trainers.preflight.kept import check_kept_weights
from darkmagic.trainers.preflight.labels import check_labels
from darkmagic.trainers.preflight.layers import check_layers
from darkmagic.trainers.preflight.left_out import check_left_out
from darkmagic.trainers.preflight.lr_range import check_learning_rate
from darkmagic.trainers.preflight.modes import check_modes
from darkmagic.trainers.preflight.order import check_order
from darkmagic.trainers.preflight.outputs import check_first_loss, check_logits, check_samples
from darkmagic.trainers.preflight.overfit import check_overfit
from darkmagic.trainers.preflight.rectifiers import check_rectifiers
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.preflight.speed import check_speed
from darkmagic.trainers.prepare.load_data import load_data
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.memory import idle_memory_bytes
from darkmagic.trainers.trick import NotApplicable, TrialSkipped

__all__ = ["run_preflight"]

MAX_SECONDS_PER_CHECK = 5.0
"""Seconds that each check with training takes at most, which limits it on a slow network."""

FUNDAMENTAL = ("classes", "pixels")
"""Checks after whose stop nothing that the others find means anything."""
Found = Finding | Iterable[Finding] | None
CHECKS: Mapping[str, Callable[[Setup, float, str], Found]] = {
    "files": lambda setup, _, __: check_reading(setup.data),
    "classes": lambda setup, _, __: check_classes(setup),
    "pixels": lambda setup, _, __: check_pixels(setup),
    "updates": lambda setup, _, __: check_updates(setup),
    "validation": lambda setup, _, __: check_validation(setup),
    "inputs": lambda setup, _, __: check_inputs(setup),
    "labels": lambda setup, seconds, _: check_labels(setup, seconds),
    "leaks": lambda setup, _, __: check_copies(setup),
    "options": lambda setup, _, __: check_left_out(setup),
    "weights": lambda setup, _, __: check_kept_weights(setup),
    "logits": lambda setup, _, __: check_logits(setup),
    "first loss": lambda setup, _, __: check_first_loss(setup),
    "samples": lambda setup, _, __: check_samples(setup),
    "gradients": lambda setup, _, __: check_gradients(setup),
    "overfit": lambda setup, seconds, _: _overfit(setup, seconds),
    "learning rate": lambda setup, seconds, _: check_learning_rate(setup, seconds),
    "scaling": lambda setup, _, weights: check_weights_scaling(setup, weights),
    "order": lambda setup, _, __: check_order(setup),
    "layers": lambda setup, _, __: check_layers(setup),
    "speed": lambda setup, seconds, _: check_speed(setup, seconds),
}
"""Checks of a setup, in so many seconds, with the weights that other trials load.

By how much a finding matters: what makes every result worthless goes first.
"""


def run_preflight(
    recipe: Recipe,
    *,
    weights: str = "",
    seconds: float = MAX_SECONDS_PER_CHECK,
    budget: float = math.inf,
) -> Iterator[Finding]:
    """Yield what the checks find in the trial that `recipe` trains.

    `weights` are those that other trials of a sweep load, as `Pretrain` names them. Ends
    early, with a stop that gives the reason, where data cannot be loaded or the network built.
    Checks have `budget` seconds in all, after the data are loaded: those that find what makes
    training worthless go first, and those left out are named in the last finding.

    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> recipe = Recipe(Shapes(20), SmallResNet, tricks={}, epochs=1, batch_size=8, device="cpu")
    >>> next(run_preflight(recipe)).check
    'classes'
    """
    idle_memory_bytes()  # the data count as memory of training
    try:
        data = load_data(recipe)
    except (TrialSkipped, ValueError, OSError) as error:
        yield from check_files(recipe.dataset, error)
        return
    except Exception as error:  # noqa: BLE001 (a user's data set may raise anything)
        yield _failed("data", Level.STOP, error, "no trial could train either")
        return
    try:
        setup = Setup.prepare(recipe, data)
    except (TrialSkipped, NotApplicable, ValueError) as error:
        yield Finding(
            "model", Level.STOP, short_message(error), "a trial of it would end the same way"
        )
        return
    except Exception as error:  # noqa: BLE001 (a user's network may raise anything)
        yield _failed("model", Level.STOP, error, "a trial of it would end the same way")
        return

    time_left = Budget(budget)
    left_out = []
    for name, check in CHECKS.items():
        try:
            with time_left:
                found = list(_guarded(name, partial(check, setup, seconds, weights)))
        except OutOfTime:
            left_out.append(name)
            continue
        yield from found
        if name in FUNDAMENTAL and any(finding.level is Level.STOP for finding in found):
            return
    if left_out:
        yield Finding(
            "time",
            Level.WARNING,
            f"not checked within {budget:g} s: {', '.join(left_out)}",
            f"to check all: runtime.preflight_seconds={10 * budget:g}",
        )


def _overfit(setup: Setup, seconds: float) -> Iterator[Finding]:
    """Yield the findings of the checks that look at the overfitted network."""
    finding, fit = check_overfit(setup, seconds)
    yield finding
    yield check_modes(setup, fit)
    yield check_rectifiers(setup, fit)


def _guarded(name: str, check: Callable[[], Found]) -> Iterator[Finding]:
    """Yield the findings of `check`; an error in it is a finding too, and others still run."""
    try:
        found = check()
        if isinstance(found, Finding):
            yield found
        elif found is not None:
            yield from found
    except OutOfTime:
        raise
    except Exception as error:  # noqa: BLE001 (anything may come out of a user's network)
        advice = "training may end so too; darkmagic train shows where"
        yield _failed(name, Level.WARNING, error, advice)


def _failed(name: str, level: Level, error: Exception, advice: str) -> Finding:
    """Return the finding of a check that ended in `error`: memory is one that says so."""
    if is_memory(error):
        advice = "lower batch_size, or take a smaller model"
        return Finding("memory", level, f"{name}: {short_message(error)}", advice)
    return Finding(name, level, f"the check ended in {own_error(error)}", advice)
