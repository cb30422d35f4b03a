"""The tables: of a comparison, of a plan, of a checklist, of the tricks."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from darkmagic.checklist.comparison import Comparison, Row
from darkmagic.checklist.model import Checklist, Trial
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report import percent, points, ratio

__all__ = [
    "checklist_table",
    "comparison_table",
    "plan_table",
    "results_table",
    "tricks_table",
]

NARROW = 110
"""Below this width, costs give way to intervals and the status stands in the difference."""


def _table(title: str | None = None) -> Table:
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1),
    )


def comparison_table(comparison: Comparison, width: int) -> RenderableType:
    """Return one row a trial, grouped by section, with the notes below, for `width` columns."""
    intervals = any(row.interval for row in comparison.rows)
    narrow = width < NARROW
    table = _table()
    table.add_column("trick", no_wrap=True)
    table.add_column("option", no_wrap=True)
    table.add_column("val %", justify="right", no_wrap=True)
    table.add_column("diff", justify="right", no_wrap=not narrow)  # may hold a status
    if intervals:
        table.add_column("95 % interval", justify="right", no_wrap=True)
    costs = ("time",) if narrow and intervals else ("time", "memory", "parameters")
    for name in costs:
        table.add_column(name.replace("parameters", "params"), justify="right", no_wrap=True)
    if not narrow:
        table.add_column("status")
    section = ""
    for row in comparison.rows:
        if row.section != section:
            section = row.section
            table.add_section()
            table.add_row(Text(section, style="bold"))
        cells = [_name(row), Text(row.option or ""), Text(percent(row.accuracy))]
        cells.append(_difference(row, with_status=narrow))
        if intervals:
            cells.append(Text(_interval(row)))
        cells += [Text(ratio(row.ratios[name])) for name in costs]
        if not narrow:
            cells.append(Text(row.status, style="" if row.finished else "red"))
        table.add_row(*cells)
    notes = [Padding(Text(note, style="dim"), (0, 0, 0, 2)) for note in comparison.notes]
    return Group(table, *notes)


def _name(row: Row) -> Text:
    return Text(row.trick or "baseline", style="bold" if row.trick is None else "")


def _interval(row: Row) -> str:
    return f"{points(row.interval.low)} to {points(row.interval.high)}" if row.interval else ""


def _difference(row: Row, *, with_status: bool) -> Text:
    """Colour only what an interval supports; the sign says the same."""
    if row.difference is None:
        return Text(row.status if with_status and not row.finished else "", style="red")
    if row.interval and row.interval.low > 0:
        return Text(points(row.difference), style="green")
    if row.interval and row.interval.high < 0:
        return Text(points(row.difference), style="red")
    return Text(points(row.difference))


def plan_table(
    checklist: Checklist, trials: Sequence[Trial], seconds: Sequence[float] | None
) -> RenderableType:
    """Return what each trial changes; `seconds` is each trial's estimate, in their order."""
    table = _table()
    for head in ("", "trick", "baseline", "trial"):
        table.add_column(head, no_wrap=True, justify="right" if not head else "left")
    if seconds is not None:
        table.add_column("about", justify="right")
    first = [trial for trial in trials if trial.seed == trials[0].seed]
    section = ""
    for number, trial in enumerate(first):
        if trial.section != section:
            section = trial.section
            table.add_section()
            table.add_row("", Text(section, style="bold"))
        estimate = [] if seconds is None else [_duration(seconds[number])]
        if trial.trick is None:
            table.add_row("0", Text("baseline", style="bold"), "", "", *estimate)
        else:
            before = checklist.trick(trial.trick).options[0]
            table.add_row(str(number), trial.trick, before, trial.option, *estimate)
    seeds = len(trials) // len(first)
    runs = f"{len(trials)} runs: {len(first)} trials x {seeds} seed{'s' * (seeds > 1)}"
    return Group(table, Text(runs))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def checklist_table(checklist: Checklist) -> RenderableType:
    """Return the tricks of `checklist` with their options, the baseline's in bold."""
    table = _table(f"checklist {checklist.name}")
    table.add_column("section", no_wrap=True)
    table.add_column("trick", no_wrap=True)
    table.add_column("options, baseline first")
    section = ""
    for trick in checklist.tricks:
        shown = "" if trick.section == section else trick.section
        section = trick.section
        options = Text(trick.options[0], style="bold")
        options.append("".join(f", {option}" for option in trick.options[1:]), style="not bold")
        table.add_row(shown, trick.name, options)
    trials = sum(len(trick.options) - 1 for trick in checklist.tricks)
    return Group(table, Text(f"{len(checklist.tricks)} tricks: 1 baseline + {trials} trials"))


def tricks_table(tricks: Sequence[tuple[str, Sequence[str], str]]) -> RenderableType:
    """Return name, options and one line about each trick."""
    table = _table()
    table.add_column("trick", no_wrap=True)
    table.add_column("options")
    table.add_column("what it is")
    for name, options, summary in tricks:
        table.add_row(name, ", ".join(options), summary.partition(": ")[2] or summary)
    return table


def results_table(rows: Sequence[tuple[str, TrialRecord, str]]) -> RenderableType:
    """Return label, outcome and directory of single trials."""
    table = _table()
    table.add_column("trial")
    table.add_column("val %", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("status")
    table.add_column("directory", overflow="fold")
    for label, record, directory in rows:
        accuracy = None if record.accuracy is None else 100 * record.accuracy
        seconds = record.costs.wall_seconds
        status = record.status.replace("_", " ")
        table.add_row(
            label,
            percent(accuracy),
            "" if seconds is None else f"{seconds:.1f}",
            f"{status}: {record.reason}" if record.reason else status,
            directory,
        )
    return table
