"""`darkmagic checklist power`: what a number of seeds can find, before it is spent."""

from __future__ import annotations

from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides

__all__ = ["power"]


def power(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    spread: Annotated[
        list[float] | None,
        typer.Option(
            "--spread", help="By how much runs spread, in points or the metric's unit; repeatable."
        ),
    ] = None,
) -> None:
    """Show the smallest effect that each number of seeds finds, and what is left to decide.

    If the experiment has run, its own spread is used, and each undecided trial is shown with the
    number of seeds that would settle it.

    budget=60, or design=screen runs=40, says what so many runs in all find.
    """
    with cli_errors():
        from darkmagic.checklist.errors import UserError
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.power import UNTIMED, power_view, undecided_view
        from darkmagic.sweeps import api

        if any(value <= 0 for value in spread or ()):
            raise UserError(f"--spread={min(spread or ())}: need a number of points over 0")
        known = api.power(all_overrides(overrides, name, out), config_dir or ())
        console = make_console()
        view = power_view(known.checklist, spread, known.report, known.metric, known.runs)
        console.print(view)
        if known.untimed:
            console.print(f"\n{UNTIMED}", markup=False)
        if known.report is not None:
            console.print(undecided_view(known.report))
