"""What to do about a row: a command to paste, or one sentence on why there is none."""

from __future__ import annotations

from collections.abc import Callable

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.planning.again import as_many_seeds, rest
from darkmagic.checklist.planning.settle import MAX_MORE_SEEDS, settlement
from darkmagic.checklist.report.advice.commands import (
    checklist_command,
    error_bars,
    larger_screen,
    of_a_command,
)
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import duration, percent

__all__ = ["UNSETTLED", "Step", "adopt", "choose", "keep", "look_why", "settle", "wait"]

Step = Callable[[Report, Row], tuple[str, str]]
"""From a row to what its command is for, or why there is none, and the command or nothing."""
UNSETTLED = (
    f"Even {MAX_MORE_SEEDS} more seeds would probably not be enough: no command is worth its runs"
)
ELSEWHERE = "made elsewhere: no command of darkmagic trains them"


def adopt(report: Report, row: Row) -> tuple[str, str]:
    """Have what is proved in the baseline of the next sweep; of a command, train that."""
    overrides, comparison = report.overrides, report.comparison
    if overrides is None:
        return f"Take it in your own code; these runs were {ELSEWHERE}", ""
    if of_a_command(overrides):
        alone = report.reproduce.get(row.name, "")
        return ("Train it", alone) if alone else (f"Add the words of {row.name} to yours", "")
    words = [*overrides, *as_many_seeds(comparison), f"trick/{row.trick}={row.option}"]
    return "Compare the others over it", checklist_command("run", words)


def choose(report: Report, row: Row) -> tuple[str, str]:
    """Say what has it, if cost or taste speak for it."""
    if report.overrides is None or of_a_command(report.overrides):
        return "Nothing to train: take it or leave it, by cost or taste", ""
    return f"Nothing to train: with it, commands say trick/{row.trick}={row.option}", ""


def keep(report: Report, row: Row) -> tuple[str, str]:
    """Say that the baseline is without it already."""
    kept = report.comparison.baseline_options.get(row.trick or "")
    if report.overrides is None or of_a_command(report.overrides) or kept is None:
        return "Nothing to train: the baseline is without it", ""
    return f"Nothing to train: the baseline has trick/{row.trick}={kept}", ""


def settle(report: Report, row: Row) -> tuple[str, str]:
    """Train what would decide it, if that is of a price that advice may name."""
    comparison, overrides = report.comparison, report.overrides
    # A race chooses seeds itself, which the other commands are asked for.
    plain = [o for o in overrides or () if not o.startswith("budget=")]
    if comparison.screen is not None:
        command = larger_screen(comparison.screen, plain)
        return (
            ("Narrow all rows at once, by more runs of the screen", command)
            if command
            else ("The screen is as large as one can be: no command narrows its rows", "")
        )
    if row.verdict is Verdict.NOT_TESTED:
        if overrides is None:
            return f"It takes two runs of a trial to tell it from luck; they were {ELSEWHERE}", ""
        return "Get error bars", error_bars(comparison, plain)
    plan = settlement(row, comparison)
    if plan is None:
        return UNSETTLED, ""
    cost = f"{plan.runs} runs"
    if report.run_seconds:
        cost += f", {duration(plan.runs * report.run_seconds)}"
    why = f"Settle it ({cost}; {percent(plan.probability)} likely to be enough)"
    if overrides is None:
        more = (
            f"{plan.more} more of it and of the baseline" if plan.more > 1 else "one more of each"
        )
        return f"{why}: {more}, trained where they were {ELSEWHERE}", ""
    return why, checklist_command("run", [*plain, f"seeds=+{plan.more}", f"only={row.name}"])


def wait(report: Report, row: Row) -> tuple[str, str]:
    """Train what has not ended."""
    del row
    if report.overrides is None:
        return f"Judge again when its runs have ended, which were {ELSEWHERE}", ""
    return "Go on with", checklist_command("run", [*report.overrides, *rest(report.comparison)])


def look_why(report: Report, row: Row) -> tuple[str, str]:
    """Say where to look; the command is long, and in the row of the table."""
    if row.verdict in (Verdict.FAILED, Verdict.STOPPED) and report.reproduce.get(row.name):
        return "To see why, its row in the table has the command that trains it alone", ""
    return "No command changes that", ""
