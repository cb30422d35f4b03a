"""`darkmagic compare`: a training command of one's own against changes of it."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from darkmagic.cli.commands.checklist import train_and_show
from darkmagic.cli.commands.preflight import stop_before_training
from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.cli.options import Name, Out, all_overrides
from darkmagic.text import shell_line

__all__ = ["compare"]


def compare(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND...",
            help="What trains: {seed}, {directory}, {device} and {threads} are the trial's.",
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", "-m", help="The name of the figure that decides.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--change", help="NAME=WORDS to put behind the command; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each; 1 gives no verdicts.")] = 3,
    direction: Annotated[
        str | None, typer.Option("--direction", help="max or min.  [default: by the name]")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Of the metric: %, s, ...")] = None,
    pattern: Annotated[
        str | None,
        typer.Option("--pattern", help="A regular expression of the metric in the output."),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", help="A file of the metric, within {directory}; repeatable."),
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option("--mlflow", help="Its own MLflow store: sqlite:///mine.db"),
    ] = None,
    python: Annotated[
        str | None, typer.Option("--python", help="The interpreter.  [default: PATH's python]")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds, after which a run is ended.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", help="Words with which it goes on: '--resume {directory}/*.pt'"),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option("--check", help="Words of a dry run before; '' for none.  [default: --help]"),
    ] = None,
    min_effect: Annotated[
        float | None,
        typer.Option("--min-effect", help="The smallest difference that would matter."),
    ] = None,
    parallel: Annotated[
        int | None, typer.Option("--parallel", help="Runs at once, a GPU or on the CPU.")
    ] = None,
    name: Name = None,
    out: Out = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A further override: runtime.device=cpu")
    ] = None,
    skip_preflight: Annotated[
        bool, typer.Option("--skip-preflight", help="Train without the dry run before.")
    ] = False,
) -> None:
    """Train your own command with and without each change, and say which help.

    It runs where you are, in your environment, without a shell. The metric is read from lines
    such as METRIC val_acc=0.93 or {"val_acc": 0.93}, a pattern, CSV or JSON-lines files in
    {directory}, TensorBoard's, MLflow's or W&B's own files: the first that has it.

    The same command goes on where it was stopped; what is trained is not trained again.
    """
    with cli_errors():
        from darkmagic.checklist.errors import UserError
        from darkmagic.sweeps import api

        if metric is None:
            raise UserError("no metric; name the figure that decides: --metric val_acc")
        settings = {
            "metric": metric,
            "direction": direction,
            "unit": unit,
            "pattern": pattern,
            "files": file,
            "mlflow": mlflow,
            "python": python,
            "timeout": timeout,
            "resume": shlex.split(resume) if resume else None,
        }
        overrides = api.compare_overrides(command or [], change or [], settings)
        if check is not None:
            overrides.append(f"trainer.check={api.literal(shlex.split(check))}")
        if min_effect is not None:
            overrides.append(f"min_effect={min_effect:g}")
        if parallel is not None:
            overrides.append(f"hydra.launcher.trials_per_device={parallel}")
        overrides += [f"seeds={seeds}", *(setting or [])]
        every = all_overrides(overrides, name, out)
        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            planned = api.plan(every, will_train=True)
            if not skip_preflight:
                stop_before_training(planned, every)
            failed = train_and_show(planned, dry_run=False, fail_fast=False)
        if failed:
            raise typer.Exit(1)
