"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ConfigDirs",
    "Expect",
    "ExpectOf",
    "Name",
    "Out",
    "Overrides",
    "ReadFrom",
    "TrackingUri",
    "add_command",
    "all_overrides",
]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OVERRIDES]...",
        help="Hydra overrides: dataset=cifar10 model=resnet18 epochs=50 trick/mixup=on ...",
    ),
]
ConfigDirs = Annotated[
    list[Path] | None,
    typer.Option(
        "--config-dir",
        "-c",
        help="A folder of your own configuration, which can run any code; repeatable.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", "-n", help="The experiment's name; the same one extends it."),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="The folder of all experiments.  [default: runs]")
]
ReadFrom = Annotated[Path, typer.Option("--out", "-o", help="The folder of all experiments.")]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow's.  [default: MLFLOW_TRACKING_URI, or SQLite in the out folder]",
    ),
]
Expect = Annotated[
    str | None,
    typer.Option(
        "--expect",
        help="no-worse, better, any-better, non-inferior or equivalent: exit code 3 if not so.",
    ),
]
ExpectOf = Annotated[
    list[str] | None, typer.Option("--of", help="Expect it of this trial alone; repeatable.")
]


def add_command(
    app: typer.Typer, function: Callable[..., None], example: str, summary: str
) -> None:
    """Add a command. Its `summary` in the list of commands is a line of 80 columns at most."""
    app.command(epilog=f"Example: {example}", short_help=summary)(function)


def all_overrides(overrides: list[str] | None, name: str | None, out: Path | None) -> list[str]:
    """Return the overrides, with those that `name` and `out` abbreviate."""
    from darkmagic.sweeps.compose.parse_overrides import quote

    every = list(overrides or [])
    if name is not None:
        every.append(f"runtime.experiment={quote(name)}")
    if out is not None:
        every.append(f"runtime.out={quote(str(out))}")
    return every
