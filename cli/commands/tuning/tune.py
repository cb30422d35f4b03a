"""`darkmagic tune`: options and numbers by Optuna, and the winner confirmed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import ConfigDirs, Name, Out, Overrides, all_overrides
from darkmagic.text import shell_line

__all__ = ["tune"]


def tune(
    overrides: Overrides = None,
    name: Name = None,
    out: Out = None,
    config_dir: ConfigDirs = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Tune this trick, or this trick=option, alone; repeatable."),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", help="Fresh seeds that confirm the winner; 0 for none.")
    ] = 5,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the checks before.")
    ] = False,
) -> None:
    """Tune tricks' options and numbers with Optuna, and confirm the winner with fresh seeds.

    Give the overrides of the sweep before, if there was one: the study starts from its trials and
    from what it predicts. The same command goes on with a study.

    runs=40, or budget=2h of training; sampler=tpe, gp, cma or ridge; objectives=[accuracy,time];
    prune=false trains every trial to its end.
    """
    with cli_errors():
        from darkmagic.checklist.errors import UserError
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.progress import make_progress
        from darkmagic.cli.views.recipes.tuning import confirmed_view, study_view
        from darkmagic.sweeps import api

        if seeds < 0:
            raise UserError(f"--seeds={seeds}: give a number of seeds, or 0 for none")
        every = all_overrides(overrides, name, out)
        every += [f"only=[{','.join(only)}]"] if only else []
        console = make_console()
        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            study = api.plan_study(every, config_dir or ())
            if not skip_preflight:
                stop_before_training(study.planned, study.overrides)
            with make_progress(make_console(stderr=True)) as progress:
                found = api.train_study(study, progress)
            console.print(study_view(found))
            if found.winner is not None and seeds:
                with make_progress(make_console(stderr=True)) as progress:
                    progress.note(f"the winner and the baseline, with {seeds} fresh seeds")
                    confirmed = api.confirm_study(study, found.winner, progress, seeds=seeds)
                more = ["--name", found.experiment]
                alone = api.train_line(study.planned, found.winner.recipe, more)
                console.print(confirmed_view(found, confirmed, alone))
        console.print(f"all trials: {found.dashboard}", soft_wrap=True)
        if not found.best:
            raise typer.Exit(1)
