"""The `darkmagic` command. Only Typer is imported here: help answers at once."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from darkmagic.cli.commands import checklist
from darkmagic.cli.commands.clusters.worker import worker
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
from darkmagic.cli.commands.ui import ui
from darkmagic.cli.errors import Settings
from darkmagic.cli.options import add_command
from darkmagic.cli.own_command import own_command
from darkmagic.cli.read_only import exit_fast

__all__ = ["app", "main"]


class _MainFirst(TyperGroup):
    """Lists `checklist` first: groups would come last."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: name != "checklist")


app = typer.Typer(
    name="darkmagic",
    cls=_MainFirst,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode=None,  # plain text reads well on any background, and imports nothing
    pretty_exceptions_enable=False,
    help="Which training tricks would help your model?",
    epilog="Example: darkmagic checklist run",
)


_add = partial(add_command, app)


_add(init, "darkmagic init", "Look at a repository, and show the first command for it.")
app.add_typer(checklist.app, name="checklist")
_add(
    compare,
    'darkmagic compare -m acc --change "wd=--wd 1e-4" -- python train.py',
    "Train your own command with and without each change.",
)
_add(
    preflight,
    "darkmagic preflight dataset=cifar10 model=resnet18",
    "Check data, model, learning rate and speed, in seconds.",
)
_add(train, "darkmagic train -m trick/optimizer=adam,sgd_nesterov", "Train one trial, or several.")
_add(
    optimize,
    "darkmagic optimize dataset=cifar10 model=resnet18 budget=60",
    "Find the best recipe that a budget buys.",
)
_add(
    tune,
    "darkmagic tune dataset=cifar10 model=resnet18 runs=40",
    "Tune tricks' options and numbers with Optuna.",
)
_add(
    refine,
    "darkmagic refine mixup dataset=cifar10 model=resnet18 seeds=3",
    "Try numbers around the best that a trick has so far.",
)
_add(report, "darkmagic report --format md", "Show the comparison of a sweep.")
_add(ui, "darkmagic ui --open", "Show reports in a browser, live while a sweep runs.")
_add(
    judge,
    "darkmagic judge runs.csv --metric val_acc --baseline base",
    "Say which of your own runs differ from the baseline.",
)
_add(ensemble, "darkmagic ensemble -k 5", "Average the predictions of trained runs.")
_add(tricks, "darkmagic tricks mixup", "Show the tricks, or one trick's card.")
_add(worker, "darkmagic worker --out /shared/runs", "Train trials that sweeps elsewhere offer.")


@app.command(
    "help",
    epilog="Example: darkmagic help checklist run",
    short_help="Show what a command does, and its options.",
)
def show_help(
    command: Annotated[
        list[str] | None, typer.Argument(help="The command.  [default: all of them]")
    ] = None,
) -> None:
    """Show what a command does and its options, as its --help does."""
    app([*(command or ()), "--help"], prog_name=own_command())


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
    exit_fast(partial(app, prog_name=own_command()))
