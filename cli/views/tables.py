"""Tables of a plan, of a checklist, of the tricks and of single trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import BASELINE, SCREEN, Checklist, Trial
from darkmagic.checklist.plan import baseline_choices
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report.formatting import duration
from darkmagic.checklist.report.writers.network import HEADS, NetworkRow, cells
from darkmagic.cli.views.blocks import plain_table

__all__ = [
    "checklist_table",
    "count_runs",
    "network_table",
    "plan_table",
    "results_table",
    "tricks_table",
    "tries_line",
]


def plan_table(
    checklist: Checklist, trials: Sequence[Trial], seconds: Sequence[float] | None
) -> RenderableType:
    """Return what each trial changes; `seconds` is each trial's estimate, in their order."""
    if any(trial.trick == SCREEN for trial in trials):
        return _screen_table(checklist, trials, seconds)
    table = plain_table()
    for head in ("", "trick", "baseline", "trial"):
        table.add_column(head, no_wrap=True, justify="right" if not head else "left")
    if seconds is not None:
        table.add_column("about", justify="right")
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.name, trial)
    section = ""
    for number, trial in enumerate(first.values()):
        if trial.section != section:
            section = trial.section
            table.add_section()
            table.add_row("", Text(section, style="bold"))
        estimate = [] if seconds is None else [duration(seconds[number])]
        if trial.trick is None:
            table.add_row("0", Text("baseline", style="bold"), "", "", *estimate)
        else:
            before = checklist.trick(trial.trick).options[0]
            table.add_row(str(number), trial.trick, before, trial.option, *estimate)
    return Group(table, Text(count_runs(trials)))


def _screen_table(
    checklist: Checklist, trials: Sequence[Trial], seconds: Sequence[float] | None
) -> RenderableType:
    """Return the options of each trial that are not the baseline's."""
    several = len({trial.seed for trial in trials}) > 1
    table = plain_table()
    table.add_column("trial", no_wrap=True)
    if several:
        table.add_column("seed", justify="right")
    table.add_column("options that are not the baseline's")
    if seconds is not None:
        table.add_column("about", justify="right")
    baseline = baseline_choices(checklist)
    for number, trial in enumerate(trials):
        changed = [f"{t}={o}" for t, o in trial.choices.items() if o != baseline.get(t)]
        cells = [trial.name, *([str(trial.seed)] if several else []), ", ".join(changed) or "none"]
        table.add_row(*cells, *([] if seconds is None else [duration(seconds[number])]))
    blocks = f" in blocks of {len({trial.seed for trial in trials})} seeds" if several else ""
    return Group(table, Text(f"{len(trials)} runs{blocks}: each mixes options of all tricks"))


def count_runs(trials: Sequence[Trial]) -> str:
    """Return the number of runs, in all and by trial, and why the baseline has more."""
    counts = Counter(trial.name for trial in trials)
    parts = []
    if len(set(counts.values())) > 1:
        parts.append(f"baseline x {_seeds(counts.pop(BASELINE, 0))}")
    by_seeds = Counter(counts.values())
    for seeds, number in sorted(by_seeds.items()):
        noun = "trial" if number == 1 else "trials"
        parts.append(f"{number} {noun} x {_seeds(seeds)}")
    more = BASELINE in {trial.name for trial in trials} and BASELINE not in counts
    why = " (more of the baseline, as every difference has it in)" if more else ""
    return f"{len(trials)} runs: " + ", ".join(parts) + why


def tries_line(rows: Collection[str], tries: int) -> str:
    """Return how many runs pick rates for `rows`, the baseline among them."""
    return (
        f"Before them {tries} runs pick the rates of {len(rows)} of these rows, the baseline "
        f"included: {tries // len(rows)} of each, on seeds of their own."
    )


def _seeds(number: int) -> str:
    return f"{number} seed{'s' * (number != 1)}"


def checklist_table(checklist: Checklist) -> RenderableType:
    """Return the tricks of `checklist` with their options, the baseline's in bold."""
    table = plain_table(f"checklist {checklist.name}")
    table.add_column("section", no_wrap=True)
    table.add_column("trick", no_wrap=True)
    table.add_column("options, baseline first")
    section = ""
    for trick in checklist.tricks:
        head = "" if trick.section == section else trick.section
        section = trick.section
        options = Text(trick.options[0], style="bold")
        options.append("".join(f", {option}" for option in trick.options[1:]), style="not bold")
        table.add_row(head, trick.name, options)
    trials = sum(len(trick.options) - 1 for trick in checklist.tricks)
    return Group(table, Text(f"{len(checklist.tricks)} tricks: 1 baseline + {trials} trials"))


def tricks_table(tricks: Sequence[tuple[str, Sequence[str], str]]) -> RenderableType:
    """Return name, options and one line about each trick."""
    table = plain_table()
    table.add_column("trick", no_wrap=True)
    table.add_column("options")
    table.add_column("what it is")
    for name, options, summary in tricks:
        table.add_row(name, ", ".join(options), summary.partition(": ")[2] or summary)
    return table


def network_table(rows: Sequence[NetworkRow]) -> RenderableType:
    """Return what each option does to a network; those that edit none are named below."""
    table = plain_table()
    for head in HEADS:
        table.add_column(head, no_wrap=head in ("option", "same at start"))
    for row in rows:
        if row.applies != "none":
            table.add_row(*map(Text, cells(row)))
    names = {row: row.option.partition("=")[0] for row in rows}
    editing = {names[row] for row in rows if row.applies != "none"}
    others = [name for name in dict.fromkeys(names.values()) if name not in editing]
    return Group(table, Text(f"These edit no network: {', '.join(others)}.")) if others else table


def results_table(
    rows: Sequence[tuple[str, TrialRecord, str]], metric: Metric = ACCURACY
) -> RenderableType:
    """Return name, outcome and directory of single trials, which are judged by `metric`."""
    table = plain_table()
    table.add_column("trial")
    table.add_column(metric.head, justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("status")
    table.add_column("directory", overflow="fold")
    for name, record, directory in rows:
        seconds = record.costs.wall_seconds
        status = record.status.replace("_", " ")
        table.add_row(
            name,
            metric.value(record.result(metric)),
            "" if seconds is None else f"{seconds:.1f}",
            f"{status}: {record.reason}" if record.reason else status,
            directory,
        )
    return table
