"""The winners of a sweep trained together: `darkmagic checklist confirm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.confirmation import Confirmation, confirm
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.report.advice import winners
from darkmagic.sweeps.commands.plan import plan_request
from darkmagic.sweeps.commands.power import power
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.compose.request import Request, split_request
from darkmagic.sweeps.launch.progress import Progress

__all__ = ["Confirmed", "confirm_winners"]

FIRST_FRESH_SEED = 1000
"""The first seed of confirmations, far from the seeds of sweeps."""


@dataclass(frozen=True)
class Confirmed:
    """A confirmation, and the file that it is written to."""

    confirmation: Confirmation
    file: Path


def confirm_winners(
    overrides: Sequence[str],
    progress: Progress,
    config_dirs: Sequence[Path] = (),
    *,
    take: Sequence[str] = (),
    seeds: int = 5,
    cheap: bool = False,
) -> Confirmed | None:
    """Train the baseline and the recipe with the options in `take`, or else the sweep's winners.

    Both are trained with `seeds` fresh seeds and evaluated on the test set, and so is each of
    several options alone, to see whether their gains add up; not if `cheap`, which takes the
    sweep's estimates, drawn towards 0, for that. A confirmation that
    has run is shown again, not trained again. Returns None if the sweep has no winner. Raises
    `UserError` if there is no sweep of this recipe, or for an option that cannot be taken.
    """
    if seeds < 1:
        raise UserError(f"--seeds={seeds} trains nothing; give 1 or more")
    known = power(overrides, config_dirs)
    if known.report is None and not take:
        raise UserError(
            "there is no sweep of this recipe to take winners from; run it first, or name "
            "options: --take mixup=on"
        )
    report, rules = known.report, known.rules
    comparison = report.comparison if report else compare(known.checklist, [], rules)
    if comparison.metric != rules.metric:
        raise UserError(
            f"the sweep was judged by {comparison.metric.name}, and this asks for "
            f"{rules.metric.name}: give both the same metric="
        )
    combination = _read_choices(take, known.checklist) if take else winners(comparison)
    if not combination:
        return None
    plain, request = split_request(overrides)
    if request.extends_sweep:
        raise UserError("confirm takes no seeds=+N and no only=: it trains with fresh seeds")
    start = _first_fresh_seed(comparison)
    fresh = Request(
        overrides=request.overrides,
        combination=combination,
        seeds=tuple(range(start, start + seeds)),
        parts_alone=not cheap,
    )
    planned = plan_request([*plain, "test_set=true"], fresh, config_dirs, will_train=True)
    outcome = sweep(planned, progress)
    found = confirm(combination, outcome.records, comparison)
    file = outcome.folder / "confirmation.md"
    file.write_text(_page(outcome.experiment, found))
    outcome.parent.files.append(file)
    if found.test is not None:
        outcome.parent.add_metrics({"confirmed.difference": found.test.difference}, when=0, step=0)
    outcome.tracker.flush()
    return Confirmed(found, file)


def _read_choices(take: Sequence[str], checklist: Checklist) -> dict[str, str]:
    combination = {}
    for choice in take:
        trick, equals, option = choice.partition("=")
        if not equals:
            raise UserError(f"cannot read --take {choice}; write --take TRICK=OPTION")
        if option in checklist.trick(trick).options[:1]:
            raise UserError(f"--take {choice} is the baseline's own choice")
        combination[trick] = option
    return combination


def _first_fresh_seed(comparison: Comparison) -> int:
    if comparison.screen:  # whose rows have numbers of runs in place of seeds
        seeds = [record.seed for record in comparison.screen.records]
    else:
        seeds = [seed for row in comparison.rows for seed in row.accuracies]
    used = max(seeds, default=0)
    return FIRST_FRESH_SEED * (used // FIRST_FRESH_SEED + 1)


def _page(experiment: str, found: Confirmation) -> str:
    recipe = ", ".join(f"`{trick}={option}`" for trick, option in found.combination.items())
    lines = [f"# {experiment}: confirmation on the test set", "", f"Together: {recipe}.", ""]
    head = f"test {found.metric.unit}".strip()
    lines += [f"| seed | baseline, {head} | combination, {head} |", "|---:|---:|---:|"]
    for seed in sorted({*found.baseline, *found.combined}):
        lines.append(
            f"| {seed} | {_cell(found, found.baseline, seed)} | "
            f"{_cell(found, found.combined, seed)} |"
        )
    return "\n".join([*lines, "", *found.sentences]) + "\n"


def _cell(found: Confirmation, values: Mapping[int, float], seed: int) -> str:
    return found.metric.value(values.get(seed))
