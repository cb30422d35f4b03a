"""Spaces of the tests, made of literal files of options, and studies of a known truth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.tune.objectives import read_objectives
from darkmagic.sweeps.tune.space.build import make_space
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space
from darkmagic.sweeps.tune.storage.study import TuningStudy
from darkmagic.sweeps.tune.suggest.samplers import Sampler

TRICKS = "darkmagic.trainers.tricks."
NOTHING = {"_target_": "darkmagic.trainers.trick.Trick"}
ALPHA = {"low": 0.05, "high": 2.0, "log": True}
DECAY = {"low": 1e-6, "high": 5e-3, "log": True}


def _decay(value: float) -> dict[str, Any]:
    return {
        "_target_": f"{TRICKS}weight_decay.WeightDecay",
        "value": value,
        "search": {"value": DECAY},
    }


NODES: Mapping[tuple[str, str], Any] = {
    ("mixup", "off"): NOTHING,
    ("mixup", "on"): {
        "_target_": f"{TRICKS}mixup.Mixup",
        "alpha": 0.2,
        "search": {"alpha": ALPHA},
    },
    ("loss", "cross_entropy"): NOTHING,
    ("loss", "multiclass_hinge"): {
        "_target_": f"{TRICKS}loss.MulticlassHinge",
        "margin": 1.0,
    },
    ("loss", "binary_cross_entropy"): {"_target_": f"{TRICKS}loss.BinaryCrossEntropy"},
    ("weight_decay", "generic"): _decay(5e-5),
    ("weight_decay", "higher"): _decay(5e-4),
    ("augmentation", "none"): None,
    ("augmentation", "randaugment"): {
        "_target_": f"{TRICKS}augmentation.RandAugment",
        "operations": 2,
        "magnitude": 9,
        "search": {"operations": {"low": 1, "high": 3}, "magnitude": {"low": 3, "high": 20}},
    },
}
"""Files of options: conflicts, numbers, whole numbers, one number in two files, and no file."""
CHECKLIST = Checklist(
    "mine",
    tuple(
        Trick(name, "s", tuple(option for trick, option in NODES if trick == name))
        for name in dict.fromkeys(trick for trick, _ in NODES)
    ),
)
APART = [(("mixup", "on"), ("loss", "multiclass_hinge"))]


def space_of(
    *,
    only: Sequence[str] = (),
    pinned: Collection[tuple[str, str]] = (),
    limits: Limits | None = None,
    nodes: Mapping[tuple[str, str], Any] | None = None,
) -> Space:
    """Return the space of the checklist above."""

    def declared(target: str) -> Mapping[str, Any]:
        found = target_fields(target)
        return found.declared if found else {}

    return make_space(
        CHECKLIST,
        NODES if nodes is None else nodes,
        limits or Limits(apart=APART),
        only=only,
        pinned=pinned,
        declared=declared,
    )


def open_study(
    folder: Path,
    space: Space,
    sampler: Sampler = Sampler.TPE,
    objectives: Sequence[str] = (),
    decisive: str = "accuracy",
) -> TuningStudy:
    """Open the study in `folder`, as a process that begins does."""
    wanted = read_objectives(objectives or [decisive], decisive)
    return TuningStudy(folder / "optuna.db", "mine", space, wanted, sampler, 0)


def truth(recipe: TunedRecipe) -> float:
    """Return an accuracy in [0, 1] that is best at mixup on with an alpha of 0.5, no hinge."""
    import math

    gain = 0.02 * (recipe.choices["augmentation"] == "randaugment")
    if recipe.choices["mixup"] == "on":
        gain += 0.06 - 0.02 * abs(math.log(recipe.numbers["mixup", "alpha"] / 0.5))
    gain -= 0.05 * (recipe.choices["loss"] == "multiclass_hinge")
    decay = recipe.numbers["weight_decay", "value"]
    return 0.9 + gain - 0.005 * abs(math.log(decay / 3e-4))
