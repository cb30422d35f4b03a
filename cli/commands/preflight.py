"""`darkmagic preflight`: checks of the baseline before a GPU is spent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.options import ConfigDirs, Overrides
from darkmagic.text import shell_line

if TYPE_CHECKING:
    from darkmagic.sweeps.api import PlannedSweep

__all__ = ["preflight", "stop_before_training"]


def preflight(overrides: Overrides = None, config_dir: ConfigDirs = None) -> None:
    """Check data, model, learning rate and speed of the baseline, in seconds.

    Each finding is ok, warning or stop, with what to do. Exits with 2 when one says stop.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.findings import findings_table, summary
        from darkmagic.sweeps import api
        from darkmagic.sweeps.api import Level

        started = time.monotonic()
        with make_console(stderr=True).status("checking"):
            planned = api.plan(overrides or (), config_dir or (), will_train=True)
            findings = api.preflight(planned)
        console = make_console()
        console.print(findings_table(findings, console))
        console.print(summary(findings, time.monotonic() - started))
        if any(finding.level is Level.STOP for finding in findings):
            raise typer.Exit(2)


def stop_before_training(planned: PlannedSweep, overrides: Sequence[str]) -> None:
    """Make the checks of a sweep about to start; show what is not ok, and end on a stop.

    `overrides`, from which the sweep was planned, are part of the command that shows all.
    """
    from darkmagic.checklist.secrets import mask_secrets
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.findings import findings_table, summary
    from darkmagic.sweeps import api
    from darkmagic.sweeps.api import Level

    started = time.monotonic()
    console = make_console(stderr=True)
    with console.status("checking before training"):
        findings = api.preflight(planned, unless_trained=True)
    if not findings:
        return
    shown = [finding for finding in findings if finding.level is not Level.OK or finding.tell]
    if shown:
        console.print(findings_table(shown, console))
    console.print(summary(findings, time.monotonic() - started))
    if any(finding.level is Level.STOP for finding in findings):
        folders = [o for folder in planned.config_dirs for o in ("-c", str(folder))]
        command = mask_secrets(shell_line(["darkmagic", "preflight", *overrides, *folders]))
        console.print(f"nothing was trained. All findings: {command}", soft_wrap=True)
        console.print("To train all the same: --skip-preflight")
        raise typer.Exit(2)
