"""`darkmagic ensemble`: the predictions of trained runs, averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

__all__ = ["ensemble"]


def ensemble(
    experiment: Annotated[
        str | None, typer.Argument(help="The experiment's name.  [default: the newest]")
    ] = None,
    of: Annotated[
        str, typer.Option("--of", help="`seeds` of one trial, or the best `trials`.")
    ] = "seeds",
    trial: Annotated[
        str, typer.Option("--trial", help="The trial whose seeds are taken.")
    ] = "baseline",
    count: Annotated[int, typer.Option("-k", help="How many runs.")] = 5,
    split: Annotated[str, typer.Option("--split", help="val, or test.")] = "val",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of all experiments.")] = Path(
        "runs"
    ),
    devices: Annotated[
        str, typer.Option("--devices", help="auto, cpu, or a GPU's index.")
    ] = "auto",
) -> None:
    """Average the predictions of trained runs: gain, agreement and calibration."""
    with cli_errors():
        from rich.text import Text

        from darkmagic.checklist.errors import UserError, nearest
        from darkmagic.cli.console import make_console
        from darkmagic.sweeps import api

        if of not in list(api.EnsembleKind):
            raise UserError(f"no ensemble of {of!r}; " + nearest(of, list(api.EnsembleKind)))
        if split not in ("val", "test"):
            raise UserError(f"no split {split!r}; choose val or test")
        folder = api.find_experiment(out, experiment)
        members = api.choose_members(folder, of=api.EnsembleKind(of), trial=trial, count=count)
        console = make_console()
        with make_console(stderr=True).status("predicting"):
            device = int(devices) if devices.isdigit() else devices
            found = api.ensemble(members, split, device)
        labels = [f"{member.trial} seed {member.seed}" for member in members]
        figures = [
            (quality.accuracy, quality.cross_entropy, quality.calibration_error)
            for quality in (*found.members, found.together)
        ]
        console.print(_table([*labels, "together"], figures))
        console.print(Text(_gain([accuracy for accuracy, _, _ in figures], split)))
        agreement = f"{found.agreement:.1%} of the images; the less, the more there is to gain."
        console.print(Text(f"Two of them agree on {agreement}"))


def _table(labels: Sequence[str], figures: Sequence[tuple[float, float, float]]) -> Table:
    from rich.text import Text

    from darkmagic.cli.views.blocks import plain_table

    table = plain_table(edge=False)
    table.add_column("run", overflow="fold")
    for head in ("accuracy %", "cross-entropy", "calibration error %"):
        table.add_column(head, justify="right", no_wrap=True)
    for label, (accuracy, cross_entropy, error) in zip(labels, figures, strict=True):
        cells = (f"{100 * accuracy:.2f}", f"{cross_entropy:.3f}", f"{100 * error:.2f}")
        table.add_row(Text(label), *cells, end_section=label == labels[-2])
    return table


def _gain(accuracies: Sequence[float], split: str) -> str:
    """Return the gain of the last of `accuracies`, of all together, over the others."""
    *members, together = accuracies
    mean = sum(members) / len(members)
    name = "validation" if split == "val" else "test"
    return (
        f"{len(members)} runs together: {100 * (together - mean):+.2f} points on their mean and "
        f"{100 * (together - max(members)):+.2f} on the best of them, on the {name} set, for "
        f"{len(members)} times the work of a prediction."
    )
