"""The closing paragraph: what to adopt, what to drop, what is open, and what to run next."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.planning.again import rest
from darkmagic.checklist.planning.settle import MAX_MORE_SEEDS, settlement
from darkmagic.checklist.report.advice.commands import (
    checklist_command,
    error_bars,
    larger_screen,
    of_a_command,
)
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.checklist.report.advice.sentences import choices, undecided
from darkmagic.checklist.report.formatting import duration, percent
from darkmagic.checklist.report.notes.alarm import alarm_of
from darkmagic.checklist.report.screened import predicted, take
from darkmagic.text import shell_line

__all__ = ["Advice", "advise"]


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
    sentences = [*choices(comparison, whole)]
    if comparison.screen:
        return _of_screen(comparison.screen, comparison, (sentences, whole), overrides)
    if comparison.seeds == 1 and comparison.having(Verdict.NOT_TESTED):
        sentences.append("Nothing is decided: single runs cannot tell a trick from luck.")
        steps.append(("To get error bars", error_bars(comparison, overrides)))
    open_rows = comparison.having(Verdict.UNDECIDED)
    if open_rows:
        decided = comparison.having(Verdict.BETTER, Verdict.WORSE)
        sentences.append(undecided(comparison, open_rows, decided))
        sentences.append(_to_settle(comparison, open_rows, overrides, run_seconds, steps))
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
    open_rows = comparison.having(Verdict.UNDECIDED)
    if open_rows:
        decided = comparison.having(Verdict.BETTER, Verdict.WORSE)
        sentences.append(undecided(comparison, open_rows, decided))
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
    if command and (open_rows or comparison.having(Verdict.NOT_TESTED)):
        steps.append(("To narrow all intervals at once", command))
    return Advice(tuple(sentences), tuple(steps), whole=tuple(whole))


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
        f"{percent(plan.probability)}."
    )
