"""The winners of a sweep trained together: `darkmagic checklist confirm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome

__all__ = ["Confirmed", "confirm_recipe", "confirm_winners"]

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
    comparison = known.report.comparison if known.report else compare(known.checklist, [])
    combination = _read_choices(take, known.checklist) if take else winners(comparison)
    if not combination:
        return None
    plain, request = split_request(overrides)
    if request.extends_sweep:
        raise UserError("confirm takes no seeds=+N and no only=: it trains with fresh seeds")
    fresh = Request(
        overrides=request.overrides,
        combination=combination,
        seeds=_fresh_seeds(comparison, seeds),
        parts_alone=not cheap,
    )
    planned = plan_request([*plain, "test_set=true"], fresh, config_dirs, will_train=True)
    outcome = sweep(planned, progress)
    return _write(outcome, confirm(combination, outcome.records, comparison), "confirmation.md")


def confirm_recipe(
    overrides: Sequence[str],
    progress: Progress,
    config_dirs: Sequence[Path] = (),
    *,
    options: Mapping[str, str],
    fields: Sequence[str] = (),
    label: str = "",
    seeds: int = 5,
    used: Sequence[int] = (),
    test_set: bool = True,
) -> Confirmed:
    """Train the baseline and one recipe with `seeds` fresh seeds: `options` by trick that are not
    the baseline's, and overrides of their numbers (`fields`, such as `tricks.mixup.alpha=0.3`).

    `label` is what the recipe is called in tables, and `used` are seeds that chose it. They are
    compared on the test set, or else on the validation set. What has run is shown again.
    """
    if seeds < 1:
        raise UserError(f"--seeds={seeds} trains nothing; give 1 or more")
    known = power(overrides, config_dirs)
    comparison = known.report.comparison if known.report else compare(known.checklist, [])
    plain, request = split_request(overrides)
    fresh = Request(
        overrides=request.overrides,
        combination=options,
        fields=tuple(fields),
        label=label,
        seeds=_fresh_seeds(comparison, seeds, used),
    )
    words = [*plain, "test_set=true"] if test_set else plain
    outcome = sweep(plan_request(words, fresh, config_dirs, will_train=True), progress)
    records = outcome.records
    if not test_set:
        records = tuple(replace(r, test_accuracy=r.accuracy) for r in records)
    whole = {"recipe": label or " ".join(f"{t}={o}" for t, o in options.items())}
    where = "test" if test_set else "validation"
    return _write(outcome, confirm(whole, records, comparison), f"tuned-{where}.md", where)


def _write(outcome: SweepOutcome, found: Confirmation, name: str, where: str = "test") -> Confirmed:
    """Write what was found to a file and to the confirmation's run."""
    file = outcome.folder / name
    file.write_text(_page(outcome.experiment, found, where))
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


def _fresh_seeds(comparison: Comparison, count: int, others: Sequence[int] = ()) -> tuple[int, ...]:
    if comparison.screen:  # whose rows have numbers of runs in place of seeds
        seeds = [record.seed for record in comparison.screen.records]
    else:
        seeds = [seed for row in comparison.rows for seed in row.accuracies]
    used = max([*seeds, *others], default=0)
    start = FIRST_FRESH_SEED * (used // FIRST_FRESH_SEED + 1)
    return tuple(range(start, start + count))


def _page(experiment: str, found: Confirmation, where: str) -> str:
    recipe = ", ".join(f"`{trick}={option}`" for trick, option in found.combination.items())
    lines = [f"# {experiment}: confirmation on the {where} set", "", f"Together: {recipe}.", ""]
    lines += [f"| seed | baseline, {where} % | combination, {where} % |", "|---:|---:|---:|"]
    for seed in sorted({*found.baseline, *found.combined}):
        lines.append(f"| {seed} | {_cell(found.baseline, seed)} | {_cell(found.combined, seed)} |")
    return "\n".join([*lines, "", *found.sentences]) + "\n"


def _cell(accuracies: Mapping[int, float], seed: int) -> str:
    return f"{accuracies[seed]:.2f}" if seed in accuracies else ""
