"""The numbers of a configuration that are no part of a recipe, declared in one place.

Those of the recipe itself are declared by `darkmagic.trainers.recipe.Recipe`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from darkmagic.checklist.plan import Baseline, Design, Retune
from darkmagic.trainers.declare.kinds import Declared
from darkmagic.trainers.fields import choice, declared_fields, flag, number, text, whole
from darkmagic.trainers.metrics.names import METRICS
from darkmagic.trainers.recipe import Recipe

__all__ = [
    "Launcher",
    "Rates",
    "Runtime",
    "Sweep",
    "Track",
    "irrelevant_keys",
    "recipe_numbers",
    "settings",
]


MAX_NAME = 100
"""Characters of an experiment's name, which is a folder's."""


class Track(StrEnum):
    """Where trials are written to: MLflow alone, or MLflow and one more."""

    MLFLOW = "mlflow"
    TENSORBOARD = "tensorboard"
    WANDB = "wandb"


@dataclass(frozen=True)
class Rates:
    """Learning rates at the schedule's peak, which the options of `trick/optimizer` take."""

    lr: float = number(0.1, above=0)  # of SGD
    adam_lr: float = number(0.001, above=0)


@dataclass(frozen=True)
class Sweep:
    """How often and beside what a trial runs. None of it can change a trial's result."""

    baseline: str = choice("article", tuple(Baseline), changes_result=False)
    seeds: int = whole(1, at_least=1, changes_result=False)
    baseline_repeats: int | str | None = whole(
        "auto", at_least=1, words=("auto",), changes_result=False
    )
    design: str = choice("one_at_a_time", tuple(Design), changes_result=False)
    runs: int | None = whole(None, at_least=2, changes_result=False)
    retune: str = choice("none", tuple(Retune), changes_result=False)
    retune_tries: int = whole(6, at_least=2, changes_result=False)  # of retune=optuna
    retune_seeds: int = whole(1, at_least=1, changes_result=False)  # of each try
    metric: str = choice("accuracy", METRICS, changes_result=False)
    futility: float | None = number(None, above=0, changes_result=False)
    min_effect: float | None = number(None, at_least=0, changes_result=False)
    floor: float | None = number(None, at_least=0, at_most=1, changes_result=False)  # accuracy
    track: str = choice("mlflow", tuple(Track), changes_result=False)


@dataclass(frozen=True)
class Runtime:
    """Where a trial runs, beside what the recipe has of it. None of it can change a result."""

    experiment: str = text(
        pattern=rf"(?!\.{{1,2}}$)(?! )[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_NAME}}}(?<! )",
        such_as=f"a name of 1 to {MAX_NAME} letters, without / (runtime.out is the folder)",
        numeric=True,
        changes_result=False,
    )
    out: str = text("runs", changes_result=False)
    tracking_uri: str | None = text(None, changes_result=False)
    preflight_seconds: float = number(30, above=0, changes_result=False)
    report_images: bool = flag(True, changes_result=False)


@dataclass(frozen=True)
class Launcher:
    """The launchers' (`hydra.launcher`), where the one that is chosen has them."""

    trials_per_device: int | str | None = whole(
        None, at_least=1, words=("auto",), changes_result=False
    )
    gpus_per_trial: float = number(1, at_least=0, changes_result=False)  # Ray gives a part of one
    threads: int | None = whole(None, at_least=1, changes_result=False)
    retries: int = whole(1, at_least=0, changes_result=False)
    stall_seconds: int | str | None = whole(
        "auto", at_least=1, words=("auto",), changes_result=False
    )
    lease_seconds: float = number(60, at_least=5, changes_result=False)  # of eight heartbeats


def settings() -> Iterator[tuple[str, Declared]]:
    """Yield each key of the configuration that is declared, dotted, and its declaration."""
    for cls in (Recipe, Rates, Sweep, Runtime):
        for name, declared in declared_fields(cls).items():
            if declared.configured:
                inside = cls is Runtime or (cls is Recipe and not declared.changes_result)
                yield f"runtime.{name}" if inside else name, declared
    for name, declared in declared_fields(Launcher).items():
        yield f"hydra.launcher.{name}", declared


def recipe_numbers(resolved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's numbers by field from `resolved`, the configuration of one trial.

    A trial that was configured before a number was declared has its default.
    """
    found = {}
    for name, declared in declared_fields(Recipe).items():
        node = resolved if declared.changes_result else resolved["runtime"]
        if declared.configured and name in node:
            found[name] = node[name]
    return found


def irrelevant_keys() -> frozenset[str]:
    """Return the keys at a configuration's root whose content cannot change a trial's result."""
    keys = {key.partition(".")[0] for key, declared in settings() if not declared.changes_result}
    return frozenset(keys | {"checklist"})
