"""The closing paragraph: what to adopt, what to drop, what is open, and what to run next."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.planning.again import enough_seeds, rest, same_rows
from darkmagic.checklist.planning.settle import MAX_MORE_SEEDS, settlement
from darkmagic.checklist.report.formatting import duration, expected_gain
from darkmagic.checklist.report.notes.alarm import alarm_of
from darkmagic.checklist.report.scale import hidden_effect
from darkmagic.checklist.report.screened import larger, predicted, take
from darkmagic.text import shell_line

__all__ = [
    "Advice",
    "advise",
    "checklist_command",
    "error_bars",
    "larger_screen",
    "of_a_command",
    "probable",
    "winners",
]

MAX_NAMES = 5


@dataclass(frozen=True)
class Advice:
    """Plain sentences, and commands with what each is for.

    `alarm` is what a reader must know before the table; where there is one, it is all of it.
    `whole` are the sentences on rows together, which a page needs that says the rest row by row.
    """

    sentences: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    alarm: str = ""
    whole: tuple[str, ...] = ()


def winners(comparison: Comparison) -> dict[str, str]:
    """Return the best option of each trick that has one better than the baseline's."""
    best: dict[str, Row] = {}
    for row in comparison.having(Verdict.BETTER):
        assert row.trick is not None
        before = best.get(row.trick)
        gains = [comparison.metric.gain((r and r.difference) or 0.0) for r in (row, before)]
        if before is None or gains[0] > gains[1]:
            best[row.trick] = row
    return {trick: row.option or "" for trick, row in best.items()}


def probable(comparison: Comparison) -> list[Row]:
    """Return the undecided rows that probably help, the best of each trick, largest gain first.

    Not of tricks with an option that is proved better, and only where the gain to expect is no
    smaller than the smallest effect that matters.
    """
    taken = set(winners(comparison))
    best: dict[str, tuple[float, Row]] = {}
    for row in comparison.having(Verdict.UNDECIDED):
        outlook = row.outlook
        if outlook is None or row.trick is None or row.trick in taken:
            continue
        if outlook.probably_helps and outlook.gain >= comparison.rules.min_effect:
            before = best.get(row.trick)
            if before is None or outlook.gain > before[0]:
                best[row.trick] = (outlook.gain, row)
    return [row for _, row in sorted(best.values(), key=lambda found: -found[0])]


def advise(
    comparison: Comparison, overrides: Sequence[str] | None, run_seconds: float | None = None
) -> Advice:
    """Return what to do with `comparison`.

    `overrides` are the overrides of the sweep without its number of seeds, and with the budget of a
    race; None of runs that were made elsewhere, for which there are no commands. `run_seconds` is
    what a run takes, for the cost of more of them.
    """
    if overrides is None:
        return dataclasses.replace(advise(comparison, (), run_seconds), steps=())
    steps: list[tuple[str, str]] = []
    if comparison.waiting and (not comparison.look or comparison.rules.race):
        steps.append(("Go on with", checklist_command("run", [*overrides, *rest(comparison)])))
    if not comparison.look:
        return Advice((), tuple(steps))
    # A race chooses seeds itself, which the other commands are asked for.
    overrides = [o for o in overrides if not o.startswith("budget=")]
    alarm = alarm_of(comparison)
    if alarm:
        why = ("To find out why", shell_line(["darkmagic", "preflight", *overrides]))
        return Advice((), (why,), alarm)
    whole: list[str] = []
    sentences = [*_choices(comparison, whole)]
    if comparison.screen:
        return _of_screen(comparison.screen, comparison, (sentences, whole), overrides)
    if comparison.seeds == 1 and comparison.having(Verdict.NOT_TESTED):
        sentences.append("Nothing is decided: single runs cannot tell a trick from luck.")
        steps.append(("To get error bars", error_bars(comparison, overrides)))
    undecided = comparison.having(Verdict.UNDECIDED)
    if undecided:
        decided = comparison.having(Verdict.BETTER, Verdict.WORSE)
        sentences.append(_undecided(comparison, undecided, decided))
        sentences.append(_to_settle(comparison, undecided, overrides, run_seconds, steps))
    if winners(comparison) and not of_a_command(overrides):
        steps.append(("To confirm on the test set", checklist_command("confirm", overrides)))
    return Advice(tuple(sentences), tuple(steps), whole=tuple(whole))


def _of_screen(
    screen: Screened, comparison: Comparison, said: tuple[list[str], ...], overrides: Sequence[str]
) -> Advice:
    """Return what to do after a screen: confirm what it predicts, or give it more runs."""
    (sentences, whole), steps = said, []
    plain = [o for o in overrides if not o.startswith("runs=")]
    others = [o for o in plain if not o.startswith("design=")]
    best = screen.prediction
    undecided = comparison.having(Verdict.UNDECIDED)
    if undecided:
        decided = comparison.having(Verdict.BETTER, Verdict.WORSE)
        sentences.append(_undecided(comparison, undecided, decided))
    if best is not None:
        whole.append(predicted(best, comparison.metric))
        sentences.append(whole[-1])
        rated = any(o.startswith("retune=") for o in plain)  # which adds the rate to a screen
        words = plain if rated else others
        if not of_a_command(plain):
            steps.append(("To confirm it", checklist_command("confirm", [*words, *take(best)])))
    suspect = screen.suspect
    if suspect is not None and suspect.stands_out:
        words = [*others, "design=screen", "--interactions"]
        steps.append(
            (f"To tell {' and '.join(suspect.tricks)} apart", checklist_command("run", words))
        )
    command = larger_screen(screen, overrides)
    if command and (undecided or comparison.having(Verdict.NOT_TESTED)):
        steps.append(("To narrow all intervals at once", command))
    return Advice(tuple(sentences), tuple(steps), whole=tuple(whole))


def error_bars(comparison: Comparison, overrides: Sequence[str]) -> str:
    """Return the command that trains single runs often enough to tell them from luck."""
    seeds = f"seeds={enough_seeds(comparison)}"
    return checklist_command("run", [*overrides, seeds, *same_rows(comparison)])


def larger_screen(screen: Screened, overrides: Sequence[str]) -> str:
    """Return the command that gives a screen more runs; empty if it cannot have more."""
    others = [o for o in overrides if not o.startswith(("runs=", "design="))]
    size = larger(screen)
    return checklist_command("run", [*others, "design=screen", *size]) if size else ""


def of_a_command(overrides: Sequence[str]) -> bool:
    """Whether a command of the user's was trained, which has no test set of ours to confirm on."""
    return any(override.startswith("trainer=") for override in overrides)


def _choices(comparison: Comparison, whole: list[str]) -> Iterator[str]:
    """Yield what to take and what to leave, the proved before the probable, which is in `whole`."""
    better, worse = comparison.having(Verdict.BETTER), comparison.having(Verdict.WORSE)
    same = comparison.having(Verdict.NO_PRACTICAL_DIFFERENCE)
    if better:
        options = winners(comparison).items()
        best = [row for row in better if (row.trick, row.option) in options]
        yield f"Adopt {_list_rows(comparison, best)}: proved better here."
        if others := [row for row in better if row not in best]:  # a trick has one option
            yield f"Proved better too, by less than another: {_list_rows(comparison, others)}."
    maybe = probable(comparison)
    if maybe:
        whole.append(_probably(comparison, maybe, others=bool(better)))
        yield whole[-1]
    if worse:
        yield f"Keep the baseline's choice instead of {_list_rows(comparison, worse)}."
    if same:
        yield (
            f"Choose freely, by cost or taste: {_list_rows(comparison, same)} would change less "
            f"than {comparison.metric.given(comparison.rules.min_effect)}."
        )


def _probably(comparison: Comparison, rows: Sequence[Row], *, others: bool) -> str:
    """Say what probably helps, what to expect of it, and how often such a pick is wrong."""
    outlooks = [row.outlook for row in rows if row.outlook is not None]
    names = [
        f"{row.name} (expect {expected_gain(row, comparison.metric)}, {outlook.helps:.0%} likely "
        "to help)"
        for row, outlook in zip(rows[:MAX_NAMES], outlooks, strict=False)
    ]
    opening = "Not proved, but probably a gain" + (" too" if others else "")
    wrong = 100 * sum(1 - outlook.helps for outlook in outlooks) / len(outlooks)
    such = "such a pick" if len(rows) == 1 else "these picks"
    return (
        f"{opening}: {_join(names, len(rows))}. If a wrong choice costs you little, take "
        f"{'it' if len(rows) == 1 else 'them'}: by this estimate {such} would be no help in about "
        f"{max(wrong, 1):.0f} of 100 cases."
    )


def _undecided(comparison: Comparison, rows: Sequence[Row], decided: Sequence[Row]) -> str:
    many = f"{len(rows)} trials are" if len(rows) > 1 else f"{rows[0].name} is"
    opening = f"{many} undecided" if decided else f"No difference is proved: {many} undecided"
    hidden = hidden_effect(rows)
    if hidden is None:
        return f"{opening}."
    smallest = comparison.metric.amount(hidden)
    return f"{opening}; an effect below {smallest} could be there and not show."


def _to_settle(
    comparison: Comparison,
    rows: Sequence[Row],
    overrides: Sequence[str],
    run_seconds: float | None,
    steps: list[tuple[str, str]],
) -> str:
    """Say what more seeds of a single row would settle, and add the command for the cheapest."""
    known = [(settlement(row, comparison), row) for row in rows]
    found = [(plan.more, -plan.probability, row.name, plan) for plan, row in known if plan]
    if not found:
        return f"Even {MAX_MORE_SEEDS} more seeds would probably " + (
            "settle none of them." if len(rows) > 1 else "not settle it."
        )
    _, _, name, plan = min(found)
    steps.append(
        (
            "To settle one",
            checklist_command("run", [*overrides, f"seeds=+{plan.more}", f"only={name}"]),
        )
    )
    cost = f"{plan.runs} runs" + (
        f", about {duration(plan.runs * run_seconds)}" if run_seconds else ""
    )
    seeds = "1 more seed" if plan.more == 1 else f"{plan.more} more seeds"
    return (
        f"{seeds} of {name} and the baseline ({cost}) would settle that row with a probability of "
        f"{plan.probability:.0%}."
    )


def _list_rows(comparison: Comparison, rows: Iterable[Row]) -> str:
    ordered = sorted(rows, key=lambda row: -abs(row.difference or 0))
    shown = comparison.metric.difference
    names = [f"{row.name} ({shown(row.difference)})" for row in ordered[:MAX_NAMES]]
    return _join(names, len(ordered))


def _join(names: Sequence[str], count: int) -> str:
    """Join the first of `count` names."""
    if count > len(names):
        return ", ".join(names) + f" and {count - len(names)} more"
    return names[0] if count == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def checklist_command(name: str, overrides: Sequence[str]) -> str:
    """Return the line that asks for a command of `darkmagic checklist`.

    >>> checklist_command("run", ["dataset=digits", "seeds=+3"])
    'darkmagic checklist run dataset=digits seeds=+3'
    """
    return shell_line(["darkmagic", "checklist", name, *overrides])
