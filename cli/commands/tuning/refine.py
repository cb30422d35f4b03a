"""`darkmagic refine`: a log grid around the best of a numeric trick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from darkmagic.cli.commands.checklist import train_and_show
from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

__all__ = ["refine"]


def refine(
    trick: Annotated[
        str,
        typer.Argument(help="A trick, or a trick and its number: weight_decay, lr_regime.warmup."),
    ],
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    points: Annotated[int, typer.Option("--points", help="Numbers of the grid.")] = 5,
    factor: Annotated[
        float, typer.Option("--factor", help="Each number by the one before it.")
    ] = 2.0,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the checks before.")
    ] = False,
) -> None:
    """Try a log grid of numbers around the best that a trick has so far, as rows of its sweep.

    Give the overrides of the sweep. Verdicts are the sweep's own, for more rows and one look more.
    """
    with cli_errors():
        from darkmagic.cli.console import make_console
        from darkmagic.sweeps import api

        every = all_overrides(overrides, name, out)
        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            found = api.plan_refinement(
                trick, every, config_dir or (), points=points, factor=factor
            )
            values = ", ".join(f"{value:.4g}" for value in found.grid.values())
            make_console(stderr=True).print(
                f"{found.trick}.{found.name} around that of {found.trick}={found.option}: {values}",
                soft_wrap=True,
            )
            if not skip_preflight:
                stop_before_training(found.planned, every)
            failed = train_and_show(found.planned, dry_run=False, fail_fast=False)
        if failed:
            raise typer.Exit(1)
