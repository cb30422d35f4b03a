"""How a budget is shared, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from darkmagic.checklist.planning.budget import parse_budget
from darkmagic.checklist.tuning.shares import Shares
from darkmagic.cli.views.blocks import next_steps, plain_table

if TYPE_CHECKING:
    from darkmagic.sweeps.commands.tuning.optimize import Optimized

__all__ = ["optimized_view", "shares_view"]


def shares_view(shares: Shares, budget: str, *, timed: bool = False) -> RenderableType:
    """Return how many runs each stage has; of a budget of time, `timed`, about how many."""
    about = "about " if timed else ""
    line = (
        f"{about}{shares.total} runs in all: {shares.screen} of a screen, {about}{shares.tune} of "
        f"tuning, {shares.repeats} each of the {shares.candidates} likeliest recipes and the "
        f"baseline, {shares.seeds} each of the winner and the baseline on the test set"
    )
    if timed:
        line += f"; how many are tuned is what budget={budget}, by the clock, leaves time for"
    elif shares.total > parse_budget(budget).amount:
        line += f"; more than budget={budget}, as the experiment has so large a screen"
    return Text(line)


def optimized_view(found: Optimized) -> RenderableType:
    """Return the answer, the runs that it rests on and the command that trains the recipe."""
    from darkmagic.sweeps.commands.tuning.story import (
        ABLATES,
        ablate_command,
        alarm_of,
        answer_of,
        confirmed_of,
        train_command,
    )

    confirmed = confirmed_of(found)
    answer = Text(answer_of(found).sentences[0], "bold")
    parts: list[RenderableType] = [Text(), answer, Text()]
    parts += [line for alarm in alarm_of(found) for line in (Text(alarm, "bold red"), Text())]
    if confirmed.rows:
        table = plain_table()
        for head in confirmed.head:
            table.add_column(head, overflow="fold")
        for row in confirmed.rows:
            table.add_row(*map(Text, row))
        parts.append(table)
    parts += [Text(sentence) for sentence in (*confirmed.sentences, *found.time)]
    steps = [("To train it", train_command(found))]
    if command := ablate_command(found):
        steps.append((ABLATES, command))
    return Group(*parts, *next_steps(steps))
