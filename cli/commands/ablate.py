"""`darkmagic checklist ablate`: which parts of the confirmed recipe carry its gain."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

__all__ = ["ablate"]


def ablate(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", help="Take this trick=option apart instead; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Fresh seeds for each recipe.")] = 5,
    path: Annotated[
        bool,
        typer.Option("--path", help="Add the parts one by one too, the most important first."),
    ] = False,
) -> None:
    """Train the confirmed recipe without each of its parts, to see which carry its gain.

    Give the overrides of the sweep. On the validation set, with seeds that chose nothing.
    """
    with cli_errors():
        from rich.text import Text

        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.progress import make_progress
        from darkmagic.cli.views.recipes.ablation import ablation_view, path_view
        from darkmagic.sweeps.api import ablate_recipe

        every = all_overrides(overrides, name, out)
        with (
            interruptible(shell_line(["darkmagic", *sys.argv[1:]])),
            make_progress(make_console(stderr=True)) as progress,
        ):
            found = ablate_recipe(
                every, progress, config_dir or (), take=take or (), seeds=seeds, path=path
            )
        console = make_console()
        console.print(ablation_view(found.ablation))
        if found.path:
            console.print(path_view(found.path, found.ablation.comparison.metric))
        for sentence in found.ablation.sentences:
            console.print(Text(sentence))
        console.print(f"written to {found.file}", soft_wrap=True)
