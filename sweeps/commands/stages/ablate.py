"""A confirmed recipe taken apart: `darkmagic checklist ablate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.recipes.ablation import Ablation, Part, ablate, ablation_trials
from darkmagic.checklist.recipes.path import Step, path_steps, path_trials
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.checklist.report.formatting import p_value
from darkmagic.sweeps.commands.confirm import FIRST_FRESH_SEED, first_fresh_seed, read_choices
from darkmagic.sweeps.commands.plan import plan_request
from darkmagic.sweeps.commands.power import power
from darkmagic.sweeps.commands.stages.confirmed import (
    find_confirmations,
    read_confirmed,
    seeds_under,
)
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.compose.request import Request, split_request
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.report import rules_with_decimals
from darkmagic.sweeps.track.rules import read_rules

__all__ = ["Ablated", "ablate_recipe"]


@dataclass(frozen=True)
class Ablated:
    """An ablation, the path to the recipe if it was asked for, and the file with both."""

    ablation: Ablation
    path: tuple[Step, ...]
    file: Path


def ablate_recipe(
    overrides: Sequence[str],
    progress: Progress,
    config_dirs: Sequence[Path] = (),
    *,
    take: Sequence[str] = (),
    seeds: int = 5,
    path: bool = False,
) -> Ablated:
    """Train the recipe that was confirmed, or the options in `take`, without each of its parts.

    A part is a trick with its numbers: of a recipe that was tuned too, whose numbers alone may be
    what the baseline has not.

    With `path`, the recipe is also built up from the baseline, part by part, the one that carries
    most first. All with `seeds` seeds that neither the sweep nor its confirmation has used, so that
    nothing that chose the recipe judges its parts, and on the validation set. What is trained is
    not trained again. Raises `UserError` where there is no confirmed recipe.
    """
    if seeds < 1:
        raise UserError(f"--seeds={seeds} trains nothing; give 1 or more")
    known = power(overrides, config_dirs)
    confirmations = find_confirmations(known.key)
    if take:
        tuned = {t: TunedOption(o) for t, o in read_choices(take, known.checklist).items()}
    else:
        tuned = _confirmed(confirmations)
    recipe = {trick: each.label for trick, each in tuned.items()}
    plain, request = split_request(overrides)
    if request.extends_sweep:
        raise UserError("ablate takes no seeds=+N and no only=: it trains with fresh seeds")
    comparison = known.report.comparison if known.report else compare(known.checklist, [])
    # Beyond those of every confirmation, which has chosen between recipes.
    start = max(
        first_fresh_seed(comparison) + FIRST_FRESH_SEED,
        first_fresh_seed(comparison, seeds_under(known.key, confirmations)),
    )
    fresh = list(range(start, start + seeds))

    asked = Request(
        overrides=request.overrides,
        trials=tuple(ablation_trials(known.checklist, recipe, fresh)),
        tuned=tuned,
        kind="ablation",
    )
    planned = plan_request(plain, asked, config_dirs, will_train=True)
    outcome = sweep(planned, progress)
    rules = rules_with_decimals(read_rules(planned.config), outcome.records)
    found = ablate(known.checklist, recipe, outcome.records, rules)
    steps: list[Step] = []
    if path:
        built = path_trials(known.checklist, recipe, found.order, fresh)
        asked = dataclasses.replace(asked, trials=tuple(built), kind="path")
        following = sweep(plan_request(plain, asked, config_dirs, will_train=True), progress)
        following.tracker.flush()
        steps = path_steps(recipe, found.order, following.records, rules)
    file = outcome.folder / "ablation.md"
    file.write_text(_page(outcome.experiment, found, steps))
    outcome.parent.files.append(file)
    outcome.tracker.flush()
    return Ablated(found, tuple(steps), file)


def _confirmed(confirmations: Sequence[Any]) -> dict[str, TunedOption]:
    """Return what came out of the newest of `confirmations`, MLflow's runs, by trick."""
    missing = (
        "there is no confirmed recipe of this sweep to take apart; run darkmagic checklist "
        "confirm first, or darkmagic optimize, or name options: --take mixup=on"
    )
    if not confirmations:
        raise UserError(missing)
    recipe = read_confirmed(confirmations[0].data.tags)
    if not recipe:
        raise UserError(
            "the confirmation of this sweep kept the baseline, which has no parts to take out; "
            "name options to take apart: --take mixup=on"
        )
    return recipe


def _page(experiment: str, found: Ablation, steps: Sequence[Step]) -> str:
    metric = found.comparison.metric
    lines = [f"# {experiment}: what carries the gain", "", *found.sentences, ""]
    lines += ["| part | what it adds | 95 % interval | adjusted p | |", "|---|---:|---:|---:|---|"]
    for part in found.parts:
        lines.append(f"| `{part.name}` | {_figures(part, metric)} | {part.role} |")
    if steps:
        lines += ["", "Added one by one:", ""]
        lines += [f"| step | {metric.head} | adds | 95 % interval | adjusted p | |"]
        lines += ["|---|---:|---:|---:|---:|---|"]
    for step in steps:
        mean = metric.value(step.accuracy)
        lines.append(f"| `{step.name}` | {mean} | {_figures(step, metric)} | {step.adds} |")
    return "\n".join(lines) + "\n"


def _figures(found: Part | Step, metric: Metric) -> str:
    span = metric.span(found.interval.low, found.interval.high) if found.interval else ""
    return f"{metric.change(found.gain)} | {span} | {p_value(found.p_value)}"
