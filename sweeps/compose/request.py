"""Request: what a sweep is asked for beyond its configuration, such as seeds to add.

`seeds=+2`, `only=undecided` and `budget=80` depend on what the experiment has found so far, so they
are no values of a configuration: they are taken off the command line before it is composed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Trial
from darkmagic.checklist.plan import MAX_SEEDS
from darkmagic.checklist.planning.budget import Budget, parse_budget
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps.compose.parse_overrides import read_override
from darkmagic.trainers.metrics.names import OURS, TORCHMETRICS

__all__ = ["UNDECIDED", "Request", "metric_modules", "of_a_run", "split_request"]

UNDECIDED = "undecided"
FIXES_SEEDS = ("seeds", "only", "baseline_repeats")
SAYS_WHICH_RUNS = (*FIXES_SEEDS, "budget", "design", "runs")


@dataclass(frozen=True)
class Request:
    """What a command asks of a sweep.

    `more_seeds` are added to the seeds of the trials in `only`: names of tricks or trials, or
    `undecided` for those without a verdict; empty means all. `overrides` and options of the
    command line start the sweep again; the report repeats them. `combination` maps tricks to
    options that one trial takes together, beside the baseline, with `seeds`, and with
    `parts_alone` beside each of its options alone, and beside what was `seen` to be best: `confirm`
    asks that. `fields` are overrides of its numbers, which that trial takes too, and `label` is
    what it is called then. `budget` is what a race may spend. `trials`, where there are some, are
    all that is trained, and `tuned` are options with numbers of their own, by trick, which those
    trials have whose choice is called so. `kind` is what runs are for: a sweep, the tries from
    which rates are picked, or the ablation of a recipe. With `interactions` a screen gets runs that
    tell a suspected pair of tricks apart.
    """

    more_seeds: int = 0
    only: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    combination: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    parts_alone: bool = False
    fields: tuple[str, ...] = ()
    label: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None
    trials: tuple[Trial, ...] = ()
    tuned: Mapping[str, TunedOption] = field(default_factory=dict)
    interactions: bool = False
    kind: str = "sweep"

    @property
    def confirms(self) -> bool:
        """Whether one recipe is to be trained beside the baseline."""
        return bool(self.combination or self.fields)

    @property
    def extends_sweep(self) -> bool:
        """Whether what is to be trained depends on what was."""
        return bool(self.more_seeds or self.only or self.budget)


def metric_modules(overrides: Sequence[str]) -> tuple[str, ...]:
    """Return what trials import for the metric of `overrides`, which are not composed yet.

    A guess by their text, to import once what every trial would: seconds of each.
    """
    named = [o.partition("=")[2].strip("'\"") for o in overrides if o.startswith("metric=")]
    return () if not named or named[-1] in OURS else (TORCHMETRICS,)


def of_a_run(overrides: Sequence[str]) -> list[str]:
    """Return those of `overrides` that say what a run is: not how many there are, nor of what.

    >>> of_a_run(["model=resnet18", "budget=60", "seeds=+2", "only=mixup", "runtime.device=cpu"])
    ['model=resnet18', 'runtime.device=cpu']
    """
    return [o for o in overrides if o.partition("=")[0].lstrip("+") not in SAYS_WHICH_RUNS]


def split_request(
    overrides: Sequence[str], options: Sequence[str] = ()
) -> tuple[list[str], Request]:
    """Split `overrides` into those that Hydra composes and the request that the others make.

    `options` are the command's own, such as `--config-dir conf`, which start it again too.
    Raises `UserError` for one that cannot be read.
    """
    more_seeds = 0
    only: tuple[str, ...] = ()
    budget: Budget | None = None
    plain: list[str] = []
    for override in overrides:
        key, _, value = override.partition("=")
        if key == "only":
            only = tuple(name.strip(" '\"") for name in value.strip("[]").split(","))
            if not all(only):
                raise UserError(
                    f"{override!r} names no trial; write only=undecided or only=[mixup]"
                )
        elif key == "seeds" and value.startswith("+"):
            if not re.fullmatch(r"\+[1-9]\d*", value) or len(value) > len(str(MAX_SEEDS)):
                raise UserError(
                    f"cannot add {value!r} seeds; write seeds=+2, up to {MAX_SEEDS - 1}"
                )
            more_seeds = int(value)
        elif key == "budget":
            budget = parse_budget(value)
        else:
            plain.append(override)
    fixed = [o for o in overrides if o.partition("=")[0] in FIXES_SEEDS]
    if budget is not None and fixed:
        raise UserError(f"budget= chooses the seeds of every trial itself; leave out {fixed[0]}")
    repeated = [
        o for o in overrides if o.startswith("budget=") or (o in plain and not _is_seeds(o))
    ]
    return plain, Request(more_seeds, only, (*_as_typed(repeated), *options), budget=budget)


def _is_seeds(override: str) -> bool:
    return override.partition("=")[0] in ("seeds", "baseline_repeats")


def _as_typed(overrides: Sequence[str]) -> list[str]:
    """Write `runtime.experiment='x'` as the option that it came from."""
    typed = []
    for override in overrides:
        key = override.partition("=")[0]
        option = {"runtime.experiment": "--name", "runtime.out": "--out"}.get(key)
        typed += [override] if option is None else [option, str(read_override(override).value())]
    return typed
