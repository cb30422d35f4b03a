"""`darkmagic checklist confirm`: the winners together, on the test set."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

if TYPE_CHECKING:
    from rich.table import Table

    from darkmagic.checklist.compare.confirmation import Confirmation

__all__ = ["confirm"]


def confirm(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", help="Confirm this trick=option instead of winners; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Fresh seeds for each recipe.")] = 5,
    cheap: Annotated[
        bool,
        typer.Option("--cheap", help="Train no winner alone; take the sweep's estimates instead."),
    ] = False,
) -> None:
    """Train the predicted best recipe with fresh seeds, and evaluate on the test set, once.

    Give the overrides of the sweep. Its winners are taken together, and each alone, to tell whether
    gains add up; of a screen, what it predicts, with the best it has trained to fall back on.
    """
    with cli_errors():
        from rich.text import Text

        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.progress import make_progress
        from darkmagic.sweeps.api import confirm_winners

        every = all_overrides(overrides, name, out)
        with (
            interruptible(shell_line(["darkmagic", *sys.argv[1:]])),
            make_progress(make_console(stderr=True)) as progress,
        ):
            confirmed = confirm_winners(
                every, progress, config_dir or (), take=take or (), seeds=seeds, cheap=cheap
            )
        console = make_console()
        if confirmed is None:
            console.print("No trial of this sweep is better than the baseline: nothing to confirm.")
            return
        found = confirmed.confirmation
        console.print(_table(found))
        for sentence in found.sentences:
            console.print(Text(sentence))
        console.print(f"written to {confirmed.file}", soft_wrap=True)


def _named(options: Mapping[str, str]) -> str:
    return " ".join(f"{trick}={option}" for trick, option in options.items())


def _table(found: Confirmation) -> Table:
    from rich.text import Text

    from darkmagic.cli.views.blocks import plain_table

    table = plain_table()
    table.add_column("recipe", overflow="fold")
    table.add_column(f"test {found.metric.unit}".strip(), justify="right")
    table.add_column(", ".join(filter(None, ("every run", found.metric.unit))), overflow="fold")
    recipes = [("baseline", found.baseline), (_named(found.combination), found.combined)]
    if found.seen:
        recipes.append((_named(found.seen), found.seen_runs))
    for name, runs in recipes:
        mean = found.metric.value(sum(runs.values()) / len(runs)) if runs else ""
        every = " ".join(map(found.metric.value, runs.values()))
        table.add_row(Text(name), mean, every)
    return table
