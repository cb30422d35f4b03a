"""The words that train a recipe of a study alone: those that its trial was made of."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from darkmagic.checklist.model import TUNED, Trial
from darkmagic.checklist.plan import baseline_choices
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.compose.plan import NO_CHECKLIST, Planner
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.orchestrate.trial_state import LEFT_OUT, OPTIONAL
from darkmagic.sweeps.trial.paths import experiment_folder
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.text import shell_line

__all__ = ["recipe_overrides", "train_line"]


def recipe_overrides(planned: PlannedSweep, recipe: TunedRecipe | None) -> tuple[str, ...]:
    """Return the overrides of a trial of `recipe`, or of the baseline (None): every option of the
    checklist, the fields that were given for them, and the numbers.
    """
    with hydra_session(planned.config_dirs) as hydra:
        checked = planned.checked
        planner = Planner(hydra.config_loader, checked.config, checked.plain, checked.tricks)
        choices = recipe.choices if recipe else baseline_choices(planner.checklist)
        trial = Trial(TUNED, "alone", "", int(checked.config.seed), choices)
        return planner.tuned_overrides(trial, recipe.overrides if recipe else ())


def train_line(planned: PlannedSweep, recipe: TunedRecipe | None, more: Sequence[str] = ()) -> str:
    """Return the command that trains the recipe alone, as one would type it; `more` follow.

    The checklist's options are all named: its baseline may be another than that of `train`.
    """
    dropped = [NO_CHECKLIST, "runtime.experiment="]
    if not any(override.startswith("seed=") for override in planned.checked.plain):
        dropped.append("seed=")
    if not _lacks_places(planned):
        dropped.append(OPTIONAL)
    words = [o for o in recipe_overrides(planned, recipe) if not o.startswith(tuple(dropped))]
    typed = [re.sub(r"^\+?(trick/\w+)='([\w.+-]+)'$", r"\1=\2", word) for word in words]
    folders = [word for folder in planned.config_dirs for word in ("--config-dir", str(folder))]
    return mask_secrets(shell_line(["darkmagic", "train", *typed, *more, *folders]))


def _lacks_places(planned: PlannedSweep) -> bool:
    """Whether the network lacks the places of an option that a trial has, which left it out."""
    for file in experiment_folder(planned.config).glob("*/result.json"):
        try:
            edits = json.loads(file.read_text()).get("edits", "")
        except (OSError, ValueError, AttributeError):
            continue
        if LEFT_OUT in str(edits):
            return True
    return False
