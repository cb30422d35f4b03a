"""`darkmagic preflight`: the checks to make before a GPU is spent."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.options import ConfigDirs, Overrides

__all__ = ["preflight", "stop_before_training"]


def preflight(overrides: Overrides = None, config_dir: ConfigDirs = None) -> None:
    """Check data, model, learning rate and speed of the baseline, in seconds.

    Each finding is ok, warning or stop, with what to do. Exits with 2 when one says stop.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.findings import findings_table, summary
        from darkmagic.sweeps import api
        from darkmagic.sweeps.commands.preflight import Level

        started = time.monotonic()
        with make_console(stderr=True).status("checking"):
            findings = api.preflight(list(overrides or []), config_dir or ())
        console = make_console()
        console.print(findings_table(findings, console))
        console.print(summary(findings, time.monotonic() - started))
        if any(finding.level is Level.STOP for finding in findings):
            raise typer.Exit(2)


def stop_before_training(words: Sequence[str], config_dirs: Sequence[Path]) -> None:
    """Make the checks of a sweep about to start; show what is not ok, and end on a stop."""
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.findings import findings_table, summary
    from darkmagic.sweeps import api
    from darkmagic.sweeps.commands.preflight import Level

    started = time.monotonic()
    console = make_console(stderr=True)
    with console.status("checking before training"):
        findings = api.preflight(words, config_dirs, unless_trained=True)
    if not findings:
        return
    amiss = [finding for finding in findings if finding.level is not Level.OK]
    if amiss:
        console.print(findings_table(amiss, console))
    console.print(summary(findings, time.monotonic() - started))
    if any(finding.level is Level.STOP for finding in findings):
        folders = [word for folder in config_dirs for word in ("-c", str(folder))]
        again = shlex.join(["darkmagic", "preflight", *words, *folders])
        console.print(f"nothing was trained. All findings: {again}", soft_wrap=True)
        console.print("To train all the same: --skip-preflight")
        raise typer.Exit(2)
