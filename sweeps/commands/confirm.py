"""The recipe that a sweep predicts, trained with fresh seeds: `darkmagic checklist confirm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.confirmation import Confirmation, confirm
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.sweeps.commands.plan import plan_request
from darkmagic.sweeps.commands.power import KnownSweep, power
from darkmagic.sweeps.commands.stages.confirmation_page import confirmation_page
from darkmagic.sweeps.commands.stages.confirmed import confirmed_tags
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.compose.request import Request, split_request
from darkmagic.sweeps.compose.session import CONFIG_NAME, root_config
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome
from darkmagic.sweeps.track.schema.read import read_record
from darkmagic.sweeps.track.schema.tags import LOOKS

__all__ = [
    "FIRST_FRESH_SEED",
    "Confirmed",
    "check_metric",
    "confirm_recipe",
    "confirm_winners",
    "first_fresh_seed",
    "known_comparison",
    "read_choices",
]

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
    """Train the baseline and the recipe with the options in `take`, or else the one that the sweep
    predicts to be best: its winners together, or what a screen predicts.

    Both are trained with `seeds` fresh seeds and evaluated on the test set, and so is the best
    recipe that a screen has trained, to fall back on. Of one trick at a time, each of several
    options is trained alone too, to see whether their gains add up; not if `cheap`, which takes the
    sweep's estimates, drawn towards 0, for that. A confirmation that has run is shown again, not
    trained again. Returns None if the sweep has no winner. Raises `UserError` if there is no sweep
    of this recipe, or for an option that cannot be taken.
    """
    if seeds < 1:
        raise UserError(f"--seeds={seeds} trains nothing; give 1 or more")
    if root_config(overrides) != CONFIG_NAME:
        raise UserError(
            "confirm evaluates our own loop's test set; to confirm for a command, compare one "
            "change that has all winners, with fresh seeds: --set seed=1000 -n NAME"
        )
    known = power(overrides, config_dirs)
    if known.report is None and not take:
        raise UserError(
            "there is no sweep of this recipe to take winners from; run it first, or name "
            "options: --take mixup=on"
        )
    comparison = known_comparison(known)
    combination = read_choices(take, known.checklist) if take else _predicted(comparison)
    if not combination:
        return None
    seen = _best_seen(comparison, combination)
    plain, request = split_request(overrides)
    if request.extends_sweep:
        raise UserError("confirm takes no seeds=+N and no only=: it trains with fresh seeds")
    fresh = Request(
        overrides=request.overrides,
        combination=combination,
        seeds=_fresh_seeds(comparison, seeds),
        parts_alone=not cheap and comparison.screen is None,
        seen=seen if comparison.screen else {},
    )
    planned = plan_request([*plain, "test_set=true"], fresh, config_dirs, will_train=True)
    outcome = sweep(planned, progress)
    found = confirm(combination, _all_records(outcome, comparison), comparison, seen)
    recipe = {trick: TunedOption(option) for trick, option in found.recipe.items()}
    outcome.parent.set_tags(confirmed_tags(known.key, recipe))
    return _write(outcome, found, "confirmation.md")


def confirm_recipe(
    overrides: Sequence[str],
    progress: Progress,
    config_dirs: Sequence[Path] = (),
    *,
    options: Mapping[str, str],
    parts: Mapping[str, TunedOption],
    fields: Sequence[str] = (),
    label: str = "",
    seeds: int = 5,
    used: Sequence[int] = (),
    first_seed: int | None = None,
    test_set: bool = True,
) -> Confirmed:
    """Train the baseline and one recipe with `seeds` fresh seeds: `options` by trick that are not
    the baseline's, and overrides of their numbers (`fields`, such as `tricks.mixup.alpha=0.3`).
    `parts` are all that it has and the baseline has not, which an ablation leaves out one by one
    where the test set confirms it.

    `label` is what the recipe is called in tables, and `used` are seeds that chose it; `first_seed`
    is the first of the fresh ones where the caller keeps count itself. They are compared on the
    test set, or else on the validation set. What has run is shown again.
    """
    if seeds < 1:
        raise UserError(f"--seeds={seeds} trains nothing; give 1 or more")
    known = power(overrides, config_dirs)
    comparison = known_comparison(known)
    plain, request = split_request(overrides)
    fresh = Request(
        overrides=request.overrides,
        combination=options,
        fields=tuple(fields),
        label=label,
        seeds=_fresh_seeds(comparison, seeds, used, first_seed),
    )
    words = [*plain, "test_set=true"] if test_set else plain
    outcome = sweep(plan_request(words, fresh, config_dirs, will_train=True), progress)
    whole = {"recipe": label or " ".join(f"{t}={o}" for t, o in options.items())}
    where = "test" if test_set else "validation"
    found = confirm(whole, _all_records(outcome, comparison), comparison, where=where)
    if test_set:
        outcome.parent.set_tags(confirmed_tags(known.key, parts if found.recipe else {}))
    return _write(outcome, found, f"tuned-{where}.md")


def _all_records(outcome: SweepOutcome, comparison: Comparison) -> list[TrialRecord]:
    """Return the runs of the same recipes under all seeds that were ever confirmed with.

    To take fewer of them than there are would be to choose the luckier answer.
    """
    have = {(record.name, record.seed) for record in outcome.records}
    names = {record.name for record in outcome.records}
    runs = outcome.tracker.known_trials(outcome.parent.run_id).values()
    metric = comparison.metric.name
    known = [read_record(r.data.tags, r.data.metrics, r.info.run_id, metric=metric) for r in runs]
    others = [r for r in known if r.name in names and (r.name, r.seed) not in have]
    every = [*outcome.records, *others]
    outcome.parent.set_tags({LOOKS: str(max(record.look for record in every))})
    return every


def known_comparison(known: KnownSweep) -> Comparison:
    """Return the comparison of the sweep, of nothing where there is none yet.

    Raises `UserError` if the sweep was judged by another metric than the configuration asks for.
    """
    rules = known.rules
    if known.report is None:
        return compare(known.checklist, [], rules)
    check_metric(known.report.comparison.metric, rules.metric)
    return known.report.comparison


def check_metric(judged: Metric, asked: Metric) -> None:
    """Raise `UserError` if a sweep was `judged` by another metric than is `asked` for."""
    if judged.name != asked.name:
        raise UserError(
            f"the sweep was judged by {judged.name}, and this asks for {asked.name}: give both the "
            "same metric= (run the sweep again with it: nothing is trained)"
        )


def _write(outcome: SweepOutcome, found: Confirmation, name: str) -> Confirmed:
    """Write what was found to a file and to the confirmation's run."""
    file = outcome.folder / name
    file.write_text(confirmation_page(outcome.experiment, found))
    outcome.parent.files.append(file)
    if found.test is not None:
        difference = found.metric.gain(found.test.difference)
        outcome.parent.add_metrics({"confirmed.difference": difference}, when=0, step=0)
    outcome.tracker.flush()
    return Confirmed(found, file)


def _predicted(comparison: Comparison) -> dict[str, str]:
    """Return the options that are predicted to be best together; empty if none promises a gain."""
    if comparison.screen is None:
        return winners(comparison)
    best = comparison.screen.prediction
    return dict(best.choices) if best else {}


def _best_seen(comparison: Comparison, combination: Mapping[str, str]) -> dict[str, str]:
    """Return the options of the best recipe that the sweep has trained, the baseline's left out.

    Of one trick at a time that is its largest winner. Empty where it is `combination` itself, or
    the baseline.
    """
    if comparison.screen is None:
        rows = {row.trick: row for row in comparison.tricks if row.name in _names(combination)}
        known = {t: row.difference for t, row in rows.items() if row.difference is not None}
        best = max(known, key=known.__getitem__, default=None)
        found = {best: combination[best]} if best is not None else {}
    else:
        found = comparison.screen.best_seen()
    return {} if found == dict(combination) else found


def _names(choices: Mapping[str, str]) -> set[str]:
    return {f"{trick}={option}" for trick, option in choices.items()}


def read_choices(take: Sequence[str], checklist: Checklist) -> dict[str, str]:
    """Return the options named by `take` by trick; raise `UserError` for one there is not."""
    combination = {}
    for choice in take:
        trick, equals, option = choice.partition("=")
        if not equals:
            raise UserError(f"cannot read --take {choice}; write --take TRICK=OPTION")
        if option in checklist.trick(trick).options[:1]:
            raise UserError(f"--take {choice} is the baseline's own choice")
        combination[trick] = option
    return combination


def first_fresh_seed(comparison: Comparison, others: Sequence[int] = ()) -> int:
    """Return the first seed of a confirmation of the sweep that `comparison` is of; `others` were
    used too.
    """
    if comparison.screen:  # whose rows have numbers of runs in place of seeds
        seeds = [record.seed for record in comparison.screen.records]
    else:
        seeds = [seed for row in comparison.rows for seed in row.accuracies]
    used = max([*seeds, *others], default=0)
    return FIRST_FRESH_SEED * (used // FIRST_FRESH_SEED + 1)


def _fresh_seeds(
    comparison: Comparison, count: int, others: Sequence[int] = (), first: int | None = None
) -> tuple[int, ...]:
    start = first_fresh_seed(comparison, others) if first is None else first
    return tuple(range(start, start + count))
