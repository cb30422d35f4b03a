"""`darkmagic checklist status`, `watch` and `cancel`: a sweep that others run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import Name, Out
from darkmagic.text import shell_line

__all__ = ["cancel", "left_running", "status", "watch"]

EVERY = 5.0
"""Seconds between two looks."""


def status(name: Name = None, out: Out = None) -> None:
    """Show how each trial of a sweep stands, from its files alone.

    Without --name, of the sweep that was written to last.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.standing import standing_table
        from darkmagic.sweeps import api

        folder = api.find_sweep(_out(out), name)
        make_console().print(standing_table(folder.name, api.standings(folder)))


def watch(
    name: Name = None,
    out: Out = None,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between looks.")
    ] = EVERY,
) -> None:
    """Show how a sweep stands until nothing of it waits or runs.

    To leave this, as by Ctrl-C, ends nothing of the sweep.
    """
    with cli_errors():
        from rich.live import Live

        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.standing import standing_line, standing_table
        from darkmagic.sweeps import api

        console = make_console()
        folder = api.find_sweep(_out(out), name)
        words = ["darkmagic", "checklist", "watch", "-n", folder.name]
        words += ["-o", str(out)] if out is not None else []
        words += ["--every", f"{every:g}"] if every != EVERY else []
        with interruptible(shell_line(words)):
            trials = api.standings(folder)
            if console.is_terminal:
                with Live(console=console, auto_refresh=False) as live:
                    while True:
                        live.update(standing_table(folder.name, trials), refresh=True)
                        if not any(trial.is_open for trial in trials):
                            return
                        time.sleep(every)
                        trials = api.standings(folder)
            line = ""
            while any(trial.is_open for trial in trials):
                if (now := standing_line(trials)) != line:
                    line = now
                    console.print(f"{time.strftime('%H:%M:%S')} {line}")
                time.sleep(every)
                trials = api.standings(folder)
            console.print(standing_table(folder.name, trials))


def cancel(name: Name = None, out: Out = None) -> None:
    """End what runs of a sweep with workers or on Slurm, and let nothing else of it begin.

    Finished trials are kept; the command that started the sweep goes on with the others, each
    from its last checkpoint.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.sweeps import api

        folder = api.find_sweep(_out(out), name)
        count = api.cancel_sweep(folder)
        noun = "trial" if count == 1 else "trials"
        make_console().print(f"{folder.name}: {count} {noun} will not be trained on")


def left_running(name: str, out: str, *, in_rounds: bool) -> None:
    """Print what follows a sweep that was left to its workers; of a budget, its first round."""
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.blocks import next_steps

    words = ["-n", name, "-o", out]
    commands = [
        (why, shell_line(["darkmagic", "checklist", command, *words]))
        for why, command in (
            ("The trials are with their workers. How they stand", "status"),
            ("Until they have ended", "watch"),
            ("To end them", "cancel"),
        )
    ]
    console = make_console()
    for part in next_steps(commands):
        console.print(part, soft_wrap=True)
    again = "For the table, the same command without --detach."
    if in_rounds:
        again = (
            "A budget is spent by rounds. When these trials have ended, the same command leaves "
            "those of the next to their workers; without --detach it waits, and shows the table."
        )
    console.print(f"\n{again}", soft_wrap=True)


def _out(out: Path | None) -> Path:
    return out or Path("runs")
