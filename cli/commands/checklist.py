"""`darkmagic checklist`: list, plan, run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from darkmagic.cli.commands.confirm import confirm
from darkmagic.cli.commands.power import power
from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.cli.read_only import read_only

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Compare training tricks with one baseline.")


@app.command("list", epilog="Example: darkmagic checklist list")
def list_checklists(config_dir: ConfigDirs = None) -> None:
    """Show the checklists: their tricks and options."""
    with cli_errors(), read_only():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.tables import checklist_table
        from darkmagic.sweeps.api import checklists

        for checklist in checklists(config_dir or ()):
            make_console().print(checklist_table(checklist))


@app.command(epilog="Example: darkmagic checklist plan dataset=cifar10 seeds=3 --estimate")
def plan(
    overrides: Overrides = None,
    config_dir: ConfigDirs = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Measure a few steps and say how long it takes.")
    ] = False,
) -> None:
    """Show the trials that `run` would train, and what each changes."""
    with cli_errors(), read_only():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.tables import plan_table
        from darkmagic.sweeps import api

        words = list(overrides or [])
        planned = api.plan(words, config_dir or ())
        seconds = api.estimate(words, config_dir or ()) if estimate else None
        made = planned.plan
        console = make_console()
        console.print(plan_table(made.checklist, made.trials, seconds))
        if seconds is not None:
            total = sum(seconds) * len(made.trials) / len(seconds)
            console.print(
                f"about {total / 60:.1f} minutes of training on one device, validation and "
                "start-up apart"
            )


@app.command(epilog="Example: darkmagic checklist run dataset=cifar10 model=resnet18 seeds=3")
def run(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Train two steps of every trial on tiny data, and keep nothing."
        ),
    ] = False,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the checks before.")
    ] = False,
) -> None:
    """Train the baseline and one trial a trick, and compare them.

    Goes on with an experiment of the same name: what is trained is not trained again. Exits
    with 1 when a trial failed, and with 2 when a check before training says stop.
    """
    with cli_errors():
        from darkmagic.sweeps import api

        words = all_overrides(overrides, name, out)
        again = shlex.join(["darkmagic", *sys.argv[1:]])
        with interruptible(again):
            if dry_run:
                api.plan(words, config_dir or ())  # what the user wrote is checked as it is
                with api.dry_run_overrides(words) as dry_words:
                    failed = _run(dry_words, config_dir or (), dry_run=True)
            else:
                if not skip_preflight:
                    stop_before_training(words, config_dir or ())
                failed = _run(words, config_dir or (), dry_run=False)
        if failed:
            raise typer.Exit(1)


def _run(words: list[str], config_dirs: Sequence[Path], *, dry_run: bool) -> bool:
    """Run, show the table and what to do next; return whether a trial failed."""
    from darkmagic.checklist.records import Status
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.comparison import comparison_view
    from darkmagic.cli.views.progress import make_view
    from darkmagic.sweeps import api
    from darkmagic.sweeps.orchestrate.finish import finish
    from darkmagic.sweeps.orchestrate.report import ui_command

    with make_view(make_console(stderr=True)) as view:
        outcome = api.run_checklist(words, view, config_dirs)
    report, paths = finish(outcome)
    failed = [r for r in outcome.records if r.status in (Status.FAILED, Status.DIVERGED)]
    console = make_console()
    console.print(comparison_view(report, console.width, alone=dry_run))
    if dry_run:
        trained = sum(record.status is Status.FINISHED for record in outcome.records)
        untried = len(outcome.records) - trained - len(failed)
        tail = f", {untried} could not be tried" if untried else ""
        console.print(f"dry run: {trained} of {len(outcome.records)} trials work{tail}")
        return bool(failed)
    for path in paths:
        if path.suffix == ".html":
            console.print(f"report: {path}", soft_wrap=True)
    console.print(f"all runs: {ui_command(outcome.uri)}", soft_wrap=True)
    if any(record.status is Status.FAILED for record in outcome.records):
        console.print(f"logs of failed trials: {outcome.folder}/*/log.txt", soft_wrap=True)
    return any(record.status is Status.FAILED for record in outcome.records)


app.command(epilog="Example: darkmagic checklist power dataset=cifar10 --spread 0.2")(power)
app.command(epilog="Example: darkmagic checklist confirm dataset=cifar10 model=resnet18")(confirm)
