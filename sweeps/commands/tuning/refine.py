"""A log grid around the best of a numeric trick: `darkmagic refine`.

The grid's numbers are options as any other, in files that are made for them beside the trials, so
that they are rows of the same sweep with the same verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_loader import ConfigLoader

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import BASELINE, Checklist
from darkmagic.checklist.model import Trick as ChecklistTrick
from darkmagic.sweeps.commands.plan import PlannedSweep, plan_request
from darkmagic.sweeps.commands.power import power
from darkmagic.sweeps.commands.tuning.tune import INSTEAD
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.ranges import SEARCH, read_ranges
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.request import Request, split_request
from darkmagic.sweeps.compose.session import (
    CONFIG_NAME,
    compose,
    group_options,
    hydra_session,
    root_config,
)
from darkmagic.sweeps.launch.check import check_folder
from darkmagic.sweeps.trial.paths import experiment_folder
from darkmagic.sweeps.tune.grid import grid_around
from darkmagic.trainers.declare.kinds import Declared

__all__ = ["Refinement", "plan_refinement"]

FOLDER, CHECKLIST_FILE = "refine", "refined"
DROPPED = ("checklist=", "checklist.", "design=", "runs=")
"""Starts of overrides that another one here takes the place of."""
USUAL_SEEDS = 3


@dataclass(frozen=True)
class Refinement:
    """A sweep that is not begun: `grid` are numbers of the field `name` by option, and `option` is
    the one that they are around.
    """

    planned: PlannedSweep
    trick: str
    option: str
    name: str
    grid: Mapping[str, float]


def plan_refinement(
    target: str,
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    points: int = 5,
    factor: float = 2.0,
) -> Refinement:
    """Return the sweep of a grid of `points` around the best of `target`: a trick, or a trick and
    its field (`lr_regime.warmup`), each number `factor` times the one before.

    The best is that of the experiment's sweep, or else the baseline's. Writes the grid's options
    beside the trials. Raises `UserError` for what has no such number, and for a grid of nothing.
    """
    if not 2 <= points <= 20:
        raise UserError(f"--points={points}: give 2 to 20")
    if not 1 < factor <= 100:
        raise UserError(f"--factor={factor:g}: give a number over 1, up to 100")
    if root_config(overrides) != CONFIG_NAME:
        raise UserError(f"darkmagic refine is of darkmagic's own loop, not of a command; {INSTEAD}")
    known = power(overrides, config_dirs)
    comparison = known.report.comparison if known.report else None
    plain, request = split_request(overrides)
    if request.extends_sweep:
        raise UserError("refine takes no seeds=+N, only= or budget=: give it seeds=3")
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        checked = check_overrides(loader, plain)
        planner = Planner(loader, checked.config, checked.plain, checked.tricks)
        trick, numbers, contents = _numbers(loader, planner, target)
        option, name = _choose(trick, target, numbers, comparison)
        declared = _declared(contents[option]).get(name)
        value = contents[option][name]
        values = grid_around(name, value, declared, points=points, factor=factor)
        listed = _listed(contents, option, name)
        grid = {f"{name}_{each:.4g}": each for each in values if _option_of(each, listed) is None}
        there = [own for each in values if (own := _option_of(each, listed)) is not None]
        if not grid:
            raise UserError(
                f"{trick}.{name}={value:g} of {trick}={option} leaves no grid around it that its "
                "options do not have"
            )
        folder = experiment_folder(checked.config) / FOLDER
        check_folder(folder)
        _write(loader, folder, planner.checklist, trick, contents[option], name, grid)
    rest = [o for o in plain if not o.startswith(DROPPED)]
    if not any(o.startswith("seeds=") for o in rest):
        rest.append(f"seeds={_seeds(comparison)}")
    baseline = planner.checklist.trick(trick).options[0]
    rows = (*grid, *(each for each in there if each != baseline))
    folders = (folder, *config_dirs)
    typed = [o for o in request.overrides if not o.startswith(DROPPED)]
    asked = Request(
        only=tuple(f"{trick}={each}" for each in rows),
        overrides=(
            *typed,
            f"checklist={CHECKLIST_FILE}",
            *(word for each in folders for word in ("--config-dir", str(each))),
        ),
    )
    words = [*rest, f"checklist={CHECKLIST_FILE}"]
    planned = plan_request(words, asked, folders, will_train=True)
    return Refinement(planned, trick, option, name, grid)


def _seeds(comparison: Comparison | None) -> int:
    """Return how many seeds a grid has: the sweep's, unless it is a screen, of a run a recipe."""
    if comparison is None or comparison.screen is not None:
        return USUAL_SEEDS
    return comparison.seeds


def _numbers(
    loader: ConfigLoader, planner: Planner, target: str
) -> tuple[str, dict[str, list[str]], dict[str, dict[str, Any]]]:
    """Return the trick that `target` names, its searchable numbers and the content by option."""
    trick = target.partition(".")[0]
    options = planner.checklist.trick(trick).options
    seed = planner.seeds_of[BASELINE][0]
    names = [f"{trick}={option}" for option in options[1:]]
    plan = planner.plan({name: [seed] for name in (BASELINE, *names)})
    contents, numbers = {}, {}
    for trial, overrides in zip(plan.trials, plan.overrides, strict=True):
        tricks = compose(loader, overrides).tricks
        content = resolve_part(tricks, trick) if trick in tricks else None
        if content is None:
            continue
        option = trial.option or options[0]
        found = read_ranges(f"tricks.{trick}", content, _declared(content))
        if found:
            numbers[option], contents[option] = list(found), dict(content)
    return trick, numbers, contents


def _listed(contents: Mapping[str, Mapping[str, Any]], best: str, name: str) -> dict[str, float]:
    """Return the number `name` of each option that differs from `best` in that alone."""

    def rest(option: str) -> dict[str, Any]:
        return {k: v for k, v in contents[option].items() if k not in (name, SEARCH)}

    return {each: contents[each][name] for each in contents if rest(each) == rest(best)}


def _option_of(value: float, listed: Mapping[str, float]) -> str | None:
    """Return the option that the checklist lists with this number, to four digits; None if none."""
    same = (each for each, own in listed.items() if math.isclose(own, value, rel_tol=1e-4))
    return next(same, None)


def _declared(content: Mapping[str, Any]) -> Mapping[str, Declared]:
    fields = target_fields(str(content["_target_"]))
    return fields.declared if fields is not None else {}


def _choose(
    trick: str, target: str, numbers: Mapping[str, Sequence[str]], comparison: Comparison | None
) -> tuple[str, str]:
    """Return the best option so far of those that have the number to refine, and the number."""
    name = target.partition(".")[2]
    every = list(dict.fromkeys(each for own in numbers.values() for each in own))
    if not every:
        raise UserError(
            f"{trick} has no number with a range to refine; name a trick whose option's file has "
            "search:"
        )
    if name and name not in every:
        raise UserError(f"{target}: {trick} has no such number; " + nearest(name, every))
    if not name and len(every) > 1:
        known = " or ".join(f"{trick}.{each}" for each in every)
        raise UserError(f"{trick} has several numbers; name one: {known}")
    name = name or every[0]
    having = [option for option, own in numbers.items() if name in own]
    gains = {BASELINE: 0.0}
    if comparison is not None:
        rows = (row for row in comparison.tricks if row.difference is not None)
        gains |= {row.name: float(row.difference or 0.0) for row in rows}
        gains[f"{trick}={comparison.baseline_options.get(trick)}"] = 0.0
    return max(having, key=lambda option: gains.get(f"{trick}={option}", -1e9)), name


def _write(
    loader: ConfigLoader,
    folder: Path,
    checklist: Checklist,
    trick: str,
    content: Mapping[str, Any],
    name: str,
    grid: Mapping[str, float],
) -> None:
    """Write a file for each number of the grid, and the checklist that has them."""
    taken = set(group_options(loader, f"trick/{trick}"))
    options = folder / "trick" / trick
    options.mkdir(parents=True, exist_ok=True)
    own = {key: value for key, value in content.items() if key != SEARCH}
    for option, value in grid.items():
        path = options / f"{option}.yaml"
        if option in taken and not path.exists():
            raise UserError(
                f"trick/{trick} has an option {option!r} already, which is not refine's"
            )
        text = yaml.safe_dump({**own, name: value}, sort_keys=False)
        path.write_text(f"# @package tricks.{trick}\n{text}")
    rows = [_row(each, _made(folder, each.name)) for each in checklist.tricks]
    (folder / "checklist").mkdir(exist_ok=True)
    listed = yaml.safe_dump({"name": checklist.name, "tricks": rows}, sort_keys=False)
    (folder / "checklist" / f"{CHECKLIST_FILE}.yaml").write_text(listed)


def _made(folder: Path, trick: str) -> list[str]:
    """Return the options of a trick that were made, for earlier grids too."""
    return sorted(path.stem for path in (folder / "trick" / trick).glob("*.yaml"))


def _row(trick: ChecklistTrick, made: Sequence[str]) -> dict[str, Any]:
    options = list(dict.fromkeys([*trick.options, *made]))
    row = {"name": trick.name, "section": trick.section, "options": options}
    return row if trick.vanilla is None else {**row, "vanilla": trick.vanilla}
