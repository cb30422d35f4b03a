"""`darkmagic checklist`: list, plan, run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.commands.ablate import ablate
from darkmagic.cli.commands.clusters.standing import cancel, left_running, status, watch
from darkmagic.cli.commands.confirm import confirm
from darkmagic.cli.commands.power import power
from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, add_command, all_overrides
from darkmagic.cli.read_only import read_only
from darkmagic.text import shell_line

if TYPE_CHECKING:
    from darkmagic.sweeps.api import PlannedSweep

__all__ = ["app", "train_and_show"]

Interactions = Annotated[
    bool,
    typer.Option("--interactions", help="Add the runs to a screen that separate a suspected pair."),
]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,  # as in main.py
    help="Compare training tricks with one baseline.",
    epilog="Example: darkmagic checklist run",
)


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
        bool, typer.Option("--estimate", help="Measure a few steps and estimate the time.")
    ] = False,
    interactions: Interactions = False,
) -> None:
    """Show the trials that `run` would train, and what each changes."""
    with cli_errors(), read_only():
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.power import budget_line
        from darkmagic.cli.views.tables import plan_table, tries_line
        from darkmagic.sweeps import api

        planned = api.plan(
            overrides or (), config_dir or (), will_train=estimate, interactions=interactions
        )
        seconds = api.estimate(planned) if estimate else None
        checklist, trials = planned.plan.checklist, planned.plan.trials
        console = make_console()
        console.print(plan_table(checklist, trials, seconds))
        if planned.unpicked:
            console.print(tries_line(planned.unpicked, planned.tries), markup=False)
        budget, runs = planned.request.budget, planned.budget_runs
        if budget is None:
            runs = len(trials)
        elif runs is None and seconds:
            runs = int(budget.amount * len(seconds) / sum(seconds))
        if budget is not None:
            console.print("The first round of a race; more follow until the budget is spent.")
        for sentence in planned.plan.limits.sentences:
            console.print(sentence, markup=False)
        console.print(budget_line(checklist, runs, planned.metric), style="dim")
        if seconds is not None:
            total = sum(seconds) * len(trials) / len(seconds)
            console.print(
                f"about {total / 60:.1f} minutes of training on one device, validation and "
                "start-up apart"
            )
        if "trainer" in planned.config:
            return
        # No torch is imported here, so that a plan is quick.
        folders = [word for folder in config_dir or () for word in ("-c", str(folder))]
        words = api.of_a_run(overrides or ())
        words = words or [f"model={planned.config.hydra.runtime.choices.model}"]
        command = shell_line(["darkmagic", "tricks", "--on", *words, *folders])
        make_console(stderr=True).print(
            f"what each does to the network: {command}", soft_wrap=True, markup=False
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
            "--dry-run", help="Train two steps of every trial on a few images, and keep nothing."
        ),
    ] = False,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the checks before.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End the sweep with the first trial that fails.")
    ] = False,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach", help="Leave the trials to Slurm or to workers, and do not wait for them."
        ),
    ] = False,
    interactions: Interactions = False,
) -> None:
    """Train the baseline and one trial a trick, and compare them.

    Extends an experiment of the same name: what is trained is not trained again.

    budget=80 (runs) or budget=8h (of training) is spent by rounds, most on what is
    likeliest to help.

    Exits with 1 when a trial failed, and with 2 when a check before training says stop.
    """
    with cli_errors():
        from darkmagic.study.study import Study
        from darkmagic.sweeps import api

        study = Study(all_overrides(overrides, name, out), config_dir or ())
        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            if dry_run:
                with api.plan_dry_run(
                    study.overrides, study.config_dirs, interactions=interactions, detach=detach
                ) as tried:
                    failed = train_and_show(tried, dry_run=True, fail_fast=fail_fast)
            else:
                planned = study.plan(will_train=True, interactions=interactions)
                if detach:
                    api.check_detach(planned.config)
                if not skip_preflight:
                    stop_before_training(planned, study.overrides)
                try:
                    failed = train_and_show(
                        planned, dry_run=False, fail_fast=fail_fast, detach=detach
                    )
                except api.LeftRunning:
                    runtime = planned.config.runtime
                    left_running(
                        str(runtime.experiment),
                        str(runtime.out),
                        in_rounds=planned.request.budget is not None,
                    )
                    return
        if failed:
            raise typer.Exit(1)


def train_and_show(
    planned: PlannedSweep, *, dry_run: bool, fail_fast: bool, detach: bool = False
) -> bool:
    """Train, show the table and the next steps; return whether a trial failed, or all baselines."""
    from darkmagic.checklist.records import Status
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.comparison import comparison_view
    from darkmagic.cli.views.progress import make_progress
    from darkmagic.study.study import train
    from darkmagic.sweeps import api

    finished = train(
        planned,
        lambda: make_progress(make_console(stderr=True)),
        fail_fast=fail_fast,
        detach=detach,
    )
    outcome, report, paths = finished.outcome, finished.report, finished.files
    failed = [r for r in outcome.records if r.status in (Status.FAILED, Status.DIVERGED)]
    baselines = [record for record in outcome.records if record.trick is None]
    nothing_to_compare = all(record.status is not Status.FINISHED for record in baselines)
    console = make_console()
    console.print(comparison_view(report, console.width, alone=dry_run))
    if dry_run:
        trained = sum(record.status is Status.FINISHED for record in outcome.records)
        untried = len(outcome.records) - trained - len(failed)
        tail = f", {untried} could not be tried" if untried else ""
        console.print(f"dry run: {trained} of {len(outcome.records)} trials work{tail}")
        if nothing_to_compare:
            console.print("the baseline does not work, so that there is nothing to compare")
        return bool(failed) or nothing_to_compare
    for path in paths:
        if path.suffix == ".html":
            console.print(f"report: {path}", soft_wrap=True)
    if not paths:
        console.print(
            f"no report was written, as {outcome.folder} takes no files (is the disk full?); the "
            "same command writes it when it does",
            soft_wrap=True,
        )
    console.print(f"all runs: {api.ui_command(outcome.uri)}", soft_wrap=True)
    if any(record.status is Status.FAILED for record in outcome.records):
        console.print(f"logs of failed trials: {outcome.folder}/*/log.txt", soft_wrap=True)
    failed = [record for record in failed if record.status is Status.FAILED]
    return bool(failed) or nothing_to_compare


add_command(
    app,
    power,
    "darkmagic checklist power dataset=cifar10 --spread 0.2",
    "Show what each number of seeds can find.",
)
add_command(
    app,
    confirm,
    "darkmagic checklist confirm dataset=cifar10 model=resnet18",
    "Train the likely best recipe with fresh seeds, and test it.",
)
add_command(
    app,
    ablate,
    "darkmagic checklist ablate dataset=cifar10 --path",
    "Train the confirmed recipe without each of its parts.",
)
add_command(
    app, status, "darkmagic checklist status -n mine", "Show how a sweep stands, from its files."
)
add_command(
    app, watch, "darkmagic checklist watch -n mine", "Show how a sweep stands until it ends."
)
add_command(
    app, cancel, "darkmagic checklist cancel -n mine", "End the jobs of a sweep on a cluster."
)
