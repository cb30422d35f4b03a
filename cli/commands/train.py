"""`darkmagic train`: single trials."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

__all__ = ["train"]


def train(
    overrides: Overrides = None,
    multirun: Annotated[
        bool,
        typer.Option("--multirun", "-m", help="Train every combination of values a,b,c."),
    ] = False,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
) -> None:
    """Train one trial, or with -m several."""
    with cli_errors(), interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
        from darkmagic.checklist.records import Status
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.progress import make_progress
        from darkmagic.cli.views.tables import results_table
        from darkmagic.sweeps import api

        every = all_overrides(overrides, name, out)
        with make_progress(make_console(stderr=True)) as progress:
            states = api.train(every, progress, config_dir or (), multirun=multirun)
        rows = [(state.run_name, state.record(), str(state.directory)) for state in states]
        make_console().print(results_table(rows, states[0].decisive), soft_wrap=True)
        if any(record.status is Status.FAILED for _, record, _ in rows):
            raise typer.Exit(1)
