"""A plan and a report as parts of a notebook's page: HTML that brings its own style, no script."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from darkmagic.checklist.model import Checklist, Trial
from darkmagic.checklist.plan import baseline_choices
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import count_of
from darkmagic.checklist.report.writers.html import bars, render
from darkmagic.text import printable

__all__ = ["plan_html", "plan_text", "study_html"]


def study_html(report: Report) -> str:
    """Return the table of `report`, its advice and its forest plot."""
    from darkmagic.checklist.report.plots.effects import forest_plot
    from darkmagic.checklist.report.plots.style import themed

    svg = forest_plot(report)
    forest = "" if svg is None else _own_ids(themed(svg, "Differences with their intervals"))
    metric = report.comparison.metric
    page = render(
        "study.html.j2", report=report, metric=metric, bars=bars(report.rows), forest=forest
    )
    return printable(page, keep="\n\xa0")


def plan_html(checklist: Checklist, trials: Sequence[Trial], command: str = "") -> str:
    """Return what each trial changes, with its seeds, and the `command` that trains it."""
    rows = _planned_rows(checklist, trials)
    values = {"checklist": checklist, "trials": trials, "rows": rows, "command": command}
    return printable(render("plan.html.j2", **values), keep="\n\xa0")


def plan_text(checklist: Checklist, trials: Sequence[Trial]) -> str:
    """Return what each trial changes, with its seeds, a line a trial.

    >>> from darkmagic.checklist.model import Trick
    >>> from darkmagic.checklist.plan import expand
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> print(plan_text(mine, expand(mine, {"baseline": [0, 1], "mixup=on": [0]})))
    baseline  seeds 0, 1
    mixup=on  seed 0
    3 runs
    """
    rows = _planned_rows(checklist, trials)
    named = {
        name: name if trial.trick is None or changed == name else f"{name}: {changed}"
        for name, (trial, changed, _) in rows.items()
    }
    width = max(map(len, named.values()), default=0)
    lines = [
        f"{named[name]:{width}}  {'seeds' if ',' in seeds else 'seed'} {seeds}"
        for name, (_, _, seeds) in rows.items()
    ]
    return printable("\n".join([*lines, count_of(len(trials), "run")]), keep="\n")


def _planned_rows(
    checklist: Checklist, trials: Sequence[Trial]
) -> dict[str, tuple[Trial, str, str]]:
    """Return by name: a trial, the options that are not the baseline's, and its seeds."""
    baseline = baseline_choices(checklist)
    rows: dict[str, tuple[Trial, str, str]] = {}
    for trial in trials:
        changed = [f"{t}={o}" for t, o in trial.choices.items() if o != baseline.get(t)]
        seeds = rows[trial.name][2] + ", " if trial.name in rows else ""
        rows[trial.name] = trial, ", ".join(changed), f"{seeds}{trial.seed}"
    return rows


def _own_ids(svg: str) -> str:
    """Return `svg` with ids that no other plot of a page has: clips are found by them."""
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{own}-", svg)
