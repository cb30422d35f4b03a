"""What a study found, and what confirmed its winner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from darkmagic.cli.views.blocks import next_steps, note, plain_table

if TYPE_CHECKING:
    from darkmagic.sweeps.commands.confirm import Confirmed
    from darkmagic.sweeps.tune.result import StudyResult, Tried

__all__ = ["confirmed_view", "study_view"]

SHOWN = 5
"""Of the best recipes, and of what mattered."""
MIN_SHARE = 0.005
SEEN_ONCE = (
    "Values are left out here: each was seen once, and the best of many is best by luck too."
)
WHY_THEY_DIFFER = (
    "Optuna's is by how much a parameter alone tells the better trials from the others, where the "
    "study looked: interactions and what was tried most are in it. The screen's is each trick's "
    "share of the average effects, over all options alike: it knows no numbers. A trick that was "
    "settled early matters in the screen and no more in the study."
)


def study_view(found: StudyResult) -> RenderableType:
    """Return the best recipes, the front of several objectives and the importances."""
    parts: list[RenderableType] = [Text(f"study {found.name}: {_counts(found)}")]
    parts += [note(each) for each in found.notes]
    if found.best:
        parts += [_best_table(found), note(SEEN_ONCE)]
    if found.front:
        parts += [Text(), _front_table(found)]
    if found.importances:
        parts += [Text(), *_importances(found)]
    if found.best and found.winner is None:
        parts += [Text(), Text("No recipe was seen to be better than the baseline.")]
    return Group(*parts)


def _counts(found: StudyResult) -> str:
    runs = sum(found.counts.values())
    parts = [f"{number} {status}" for status, number in found.counts.items()]
    trained = f"{runs} recipes trained ({', '.join(parts)})" if runs else "nothing trained"
    return f"{trained}, {found.known} known from the experiment before"


def _best_table(found: StudyResult) -> RenderableType:
    table = plain_table()
    table.add_column("best first", justify="right")
    table.add_column("trial", no_wrap=True)
    table.add_column("what it has that the baseline has not", overflow="fold")
    for place, tried in enumerate(found.best[:SHOWN], start=1):
        table.add_row(str(place), _name(tried), Text(tried.changes))
    return table


def _name(tried: Tried) -> str:
    return tried.where or f"tune-{tried.number:03d}"


def _front_table(found: StudyResult) -> RenderableType:
    table = plain_table("recipes that no other beats in every objective", edge=True)
    table.add_column("trial", no_wrap=True)
    first = found.objectives[0]
    for objective in found.objectives:
        seen = ", seen once" if objective == first else ""
        table.add_column(f"{objective.name}, {objective.unit}{seen}", justify="right")
    table.add_column("what it has that the baseline has not", overflow="fold")
    for tried in sorted(found.front, key=lambda tried: -first.gain(tried.values[0])):
        values = [f"{value:.4g}" for value in tried.values]
        if tried == found.winner:
            values[0] = "see below"
        table.add_row(_name(tried), *values, Text(tried.changes))
    return table


def _importances(found: StudyResult) -> Iterator[RenderableType]:
    table = plain_table(f"what mattered for {found.objectives[0].name}")
    table.add_column("parameter", overflow="fold")
    table.add_column("by Optuna", justify="right")
    if found.average:
        table.add_column("by the screen", justify="right")
    for name, share in _rows(found):
        trick = name.partition("=")[0].partition(" ")[0]
        cells = [_share(share)]
        if found.average:
            cells.append(_share(found.average.get(trick)) if name == trick else "")
        table.add_row(Text(name), *cells)
    yield table
    if found.average:
        yield note(WHY_THEY_DIFFER)


def _rows(found: StudyResult) -> list[tuple[str, float | None]]:
    """Return the parameters that matter most to either, the study's first."""
    shown: Mapping[str, float] = found.importances
    most = [(name, share) for name, share in shown.items() if share >= MIN_SHARE][:SHOWN]
    named = {name for name, _ in most}
    others = [
        (trick, shown.get(trick))
        for trick, share in list(found.average.items())[:SHOWN]
        if trick not in named and share >= MIN_SHARE
    ]
    return [*most, *others]


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def confirmed_view(found: StudyResult, confirmed: Confirmed, command: str) -> RenderableType:
    """Return the winner with its figure on fresh seeds, and the `command` that trains it."""
    confirmation = confirmed.confirmation
    assert found.winner is not None
    table = plain_table()
    table.add_column("recipe", overflow="fold")
    metric = confirmation.metric
    table.add_column(f"test {metric.unit}".strip(), justify="right")
    table.add_column(", ".join(filter(None, ("every run", metric.unit))), overflow="fold")
    rows = (("baseline", confirmation.baseline), (found.winner.changes, confirmation.combined))
    for name, runs in rows:
        mean = metric.value(sum(runs.values()) / len(runs)) if runs else ""
        table.add_row(Text(name), mean, " ".join(map(metric.value, runs.values())))
    sentences = [Text(sentence) for sentence in confirmation.sentences]
    written = Text(f"written to {confirmed.file}", no_wrap=True, overflow="ignore")
    return Group(Text(), table, *sentences, written, *next_steps([("To train it alone", command)]))
