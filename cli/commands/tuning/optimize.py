"""`darkmagic optimize`: from a checklist to a confirmed recipe, in one budget."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

__all__ = ["optimize"]

USUAL_BUDGET = "60"


def optimize(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Fresh seeds that confirm the winner on the test set.")
    ] = 5,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the checks before.")
    ] = False,
) -> None:
    """Find the best recipe that a budget buys: screen, tune, train the likeliest anew, confirm.

    budget=60 (runs) or budget=8h (by the clock) is what all stages together may spend. The same
    command goes on where it was stopped.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.progress import make_progress
        from darkmagic.cli.views.recipes.optimize import optimized_view, shares_view
        from darkmagic.sweeps import api

        every = all_overrides(overrides, name, out)
        budgets = [word for word in every if word.startswith("budget=")]
        rest = [word for word in every if not word.startswith("budget=")]
        budget = budgets[-1].partition("=")[2] if budgets else USUAL_BUDGET
        console, errors = make_console(), make_console(stderr=True)
        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            planned = api.plan_optimization(rest, config_dir or (), budget=budget, seeds=seeds)
            errors.print(shares_view(planned.shares, budget, timed=planned.clock is not None))
            if not skip_preflight:
                stop_before_training(planned.screen, rest)
            found = api.optimize(planned, lambda: make_progress(errors))
            files = api.write_story(found)
        console.print(optimized_view(found))
        for file in files:
            console.print(f"written to {file}", soft_wrap=True)
