"""The report as one HTML file that needs no network."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report import formatting
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.answer import answer_of, join_names
from darkmagic.checklist.report.page.asked import asked, on_what
from darkmagic.checklist.report.page.cards import read_card
from darkmagic.checklist.report.page.decisions import further_steps, groups_of
from darkmagic.checklist.report.page.live import Live
from darkmagic.checklist.report.page.palette import HUES, declarations
from darkmagic.checklist.report.page.pictures.costs import costs_of, spent
from darkmagic.checklist.report.page.pictures.forest import forest_of
from darkmagic.checklist.report.page.pictures.lines import MAX_LINES, panels_of
from darkmagic.checklist.report.page.pictures.quantities import quantities_of
from darkmagic.checklist.report.page.recipe import adopted, changed_settings, recipe_yaml
from darkmagic.checklist.report.page.words import how_decided
from darkmagic.checklist.report.scale import reach_of

__all__ = ["bars", "render", "to_html"]

HEADS = (
    ("trial", "text", None),
    ("value", "number", None),
    ("difference", "number", None),
    ("95 % interval", "number", None),
    ("adjusted p", "number", None),
    ("verdict", "text", None),
    ("expected gain", "number", None),
    ("helps", "number", None),
    ("time a step", "number", "time"),
    ("total time", "number", "wall"),
    ("memory", "number", "memory"),
    ("params", "number", "parameters"),
    ("FLOPs", "number", "flops"),
)
"""Head of a column, how it is sorted, and its name where it may be empty."""
MAX_NAMED = 6
"""Rows that a line names which stands for more."""


def to_html(report: Report, *, live: Live | None = None, state: str = "") -> str:
    """Return a self-contained page, for light and dark, for a phone and for paper.

    With `live` it follows its sweep, by what it is told at the address `state`.
    """
    kept, metric = _kept(report), report.comparison.metric
    adopt, groups = adopted(report), groups_of(report)
    return render(
        "report.html.j2",
        metric=metric,
        kept=kept,
        heads=[
            (metric.head if head == "value" else head, kind)
            for head, kind, column in HEADS
            if column in (None, *kept)
        ],
        beaten="accuracy" if metric.is_accuracy else metric.name,
        report=report,
        comparison=report.comparison,
        asked=asked(report),
        facts=on_what(report),
        answer=answer_of(report),
        groups=groups,
        steps=further_steps(report, groups),
        forest=forest_of(report),
        quantities=[dataclasses.asdict(quantity) for quantity in quantities_of(report)],
        spent=spent(report),
        costs=costs_of(report),
        panels=panels_of(report),
        hues=HUES,
        max_lines=MAX_LINES,
        published={row.name: report.published(row) for row in report.rows},
        cards={trick: read_card(card) for trick, card in report.cards.items()},
        words=how_decided(report),
        adopt=adopt,
        proved=bool(winners(report.comparison)),
        recipe=recipe_yaml(adopt) if adopt else "",
        changed=changed_settings(report),
        live=live,
        state=state,
    )


def render(template: str, **values: Any) -> str:
    """Return one of our templates with `values`, which are escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("darkmagic.checklist.report.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in set(formatting.__all__) - {"duration"}:
        environment.filters[name] = getattr(formatting, name)
    environment.globals["palette"] = declarations()
    environment.filters["breakable"] = _breakable
    environment.filters["command"] = _command
    environment.filters["joined"] = partial(join_names, most=MAX_NAMED)
    return environment.get_template(template).render(**values)


def _breakable(text: str) -> Markup:
    """Return words of which a name breaks only where no line holds it, and then behind a joint."""
    from markupsafe import Markup, escape

    words = []
    for word in text.split(" "):
        parts = Markup("<wbr/>").join(escape(part) for part in re.split(r"(?<=[=_])(?=.)", word))
        named = "<wbr/>" in parts
        words.append(Markup('<span class="whole">{}</span>').format(parts) if named else parts)
    return Markup(" ").join(words)


def _command(text: str) -> Markup:
    """Return a command whose words break in themselves only where no line holds one.

    A browser breaks behind a hyphen: of `-- name` on paper nobody can tell what was meant.
    """
    from markupsafe import Markup

    return Markup(" ").join(
        Markup('<span class="word">{}</span>').format(w) for w in text.split(" ")
    )


def _kept(report: Report) -> list[str]:
    """Return the columns of costs that are known, as those of a command may not be."""
    known = {name for row in report.rows for name, ratio in row.ratios.items() if ratio}
    return [column for _, _, column in HEADS if column in known]


def bars(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Return the position of each interval in a bar of width 100 with 0 in its middle."""
    reach = reach_of(rows)

    def position(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / reach)), 2)

    return {
        row.name: {
            "low": position(row.interval.low if row.interval else row.difference),
            "high": position(row.interval.high if row.interval else row.difference),
            "dot": position(row.difference),
        }
        for row in rows
        if row.difference is not None
    }
