"""The `darkmagic` command. Only Typer is imported here: help answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from darkmagic.cli.commands import checklist
from darkmagic.cli.commands.ensemble import ensemble
from darkmagic.cli.commands.own.compare import compare
from darkmagic.cli.commands.own.init import init
from darkmagic.cli.commands.own.judge import judge
from darkmagic.cli.commands.preflight import preflight
from darkmagic.cli.commands.report import report
from darkmagic.cli.commands.train import train
from darkmagic.cli.commands.tricks import tricks
from darkmagic.cli.commands.tuning.optimize import optimize
from darkmagic.cli.commands.tuning.refine import refine
from darkmagic.cli.commands.tuning.tune import tune
from darkmagic.cli.errors import Settings
from darkmagic.cli.read_only import exit_fast

__all__ = ["app", "main"]

app = typer.Typer(
    name="darkmagic",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which training tricks would help your model?",
    epilog="Example: darkmagic checklist run",
)
app.command(epilog="Example: darkmagic init")(init)
app.add_typer(checklist.app, name="checklist")
app.command(
    epilog='Example: darkmagic compare -m val_acc --change "mixup=--mixup 0.2" -- python train.py'
)(compare)
app.command(epilog="Example: darkmagic preflight dataset=cifar10 model=resnet18")(preflight)
app.command(epilog="Example: darkmagic train -m trick/optimizer=adam,sgd_nesterov")(train)
app.command(epilog="Example: darkmagic optimize dataset=cifar10 model=resnet18 budget=60")(optimize)
app.command(epilog="Example: darkmagic tune dataset=cifar10 model=resnet18 runs=40")(tune)
app.command(epilog="Example: darkmagic refine mixup dataset=cifar10 model=resnet18 seeds=3")(refine)
app.command(epilog="Example: darkmagic report --format md")(report)
app.command(epilog="Example: darkmagic judge runs.csv --metric val_acc --baseline base")(judge)
app.command(epilog="Example: darkmagic ensemble -k 5")(ensemble)
app.command(epilog="Example: darkmagic tricks mixup")(tricks)


def _version(wanted: bool) -> None:
    if wanted:
        from darkmagic import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Say which training tricks would help your model."""
    del version
    Settings.debug = debug


def main() -> None:
    """Run the command line."""
    exit_fast(app)
