"""`darkmagic worker`: train what sweeps on a shared folder have to be trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from darkmagic.cli.errors import cli_errors, interruptible
from darkmagic.text import shell_line

__all__ = ["worker"]


def worker(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The folder of all experiments, which machines share."),
    ] = Path("runs"),
    devices: Annotated[
        str, typer.Option("--devices", help="auto, cpu, or indices of GPUs: 0,1.")
    ] = "auto",
    trials_per_device: Annotated[
        int | None,
        typer.Option(
            "--trials-per-device",
            min=1,
            help="Trials at once on a device; by default 1 a GPU, 1 a core of a CPU.",
        ),
    ] = None,
    gpus_per_trial: Annotated[
        int, typer.Option("--gpus-per-trial", min=1, help="Of trials larger than one GPU.")
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Of each trial; by default its share of the cores."),
    ] = None,
    idle: Annotated[
        float | None,
        typer.Option(
            "--idle", min=0, help="End after so many seconds without a trial; by default never."
        ),
    ] = None,
) -> None:
    """Train trials of sweeps that were started with hydra/launcher=worker.

    Run it on each machine that has the folder: nothing else connects them.

    When it is stopped or its machine dies, another goes on from a trial's last checkpoint.
    """
    with cli_errors():
        from darkmagic.cli.views.worker import WorkerLines
        from darkmagic.sweeps import api

        with interruptible(shell_line(["darkmagic", *sys.argv[1:]])):
            lines = WorkerLines()
            count = api.run_worker(
                out,
                lines,
                devices=devices,
                trials_per_device=trials_per_device,
                gpus_per_trial=gpus_per_trial,
                threads=threads,
                idle_seconds=idle,
            )
            lines.done(count)
