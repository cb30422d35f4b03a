"""`darkmagic ensemble`: the predictions of trained runs, averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from darkmagic.checklist.metric import Metric

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
    named: Annotated[
        str | None,
        typer.Option("--metric", help="What decides.  [default: what the sweep was judged by]"),
    ] = None,
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
        from darkmagic.sweeps.track.rules import METRICS

        if of not in list(api.EnsembleKind):
            raise UserError(f"no ensemble of {of!r}; " + nearest(of, list(api.EnsembleKind)))
        if split not in ("val", "test"):
            raise UserError(f"no split {split!r}; choose val or test")
        folder = api.find_experiment(out, experiment)
        decisive = api.find_metric(folder, named)
        members = api.choose_members(
            folder, of=api.EnsembleKind(of), trial=trial, count=count, metric=decisive
        )
        console = make_console()
        with make_console(stderr=True).status("predicting"):
            device = int(devices) if devices.isdigit() else devices
            found = api.ensemble(members, split, device, decisive)
        labels = [f"{member.trial} seed {member.seed}" for member in members]
        metric = METRICS[decisive]
        values = [metric.scale * each.value for each in (*found.members, found.together)]
        figures = [
            (100 * each.accuracy, each.cross_entropy, 100 * each.calibration_error)
            for each in (*found.members, found.together)
        ]
        own = None if decisive in ("accuracy", "loss") else metric
        console.print(_table([*labels, "together"], values, figures, own))
        console.print(Text(_gain(values, split, metric)))
        agreement = f"{found.agreement:.1%} of the images; the less, the more there is to gain."
        console.print(Text(f"Two of them agree on {agreement}"))


def _table(
    labels: Sequence[str],
    values: Sequence[float],
    figures: Sequence[tuple[float, float, float]],
    metric: Metric | None,
) -> Table:
    """Return a line a run, with the `values` of `metric` where `figures` have not those."""
    from rich.text import Text

    from darkmagic.cli.views.blocks import plain_table

    table = plain_table(edge=False)
    table.add_column("run", overflow="fold")
    own = [metric.head.removeprefix("val ")] if metric else []
    for head in (*own, "accuracy %", "cross-entropy", "calibration error %"):
        table.add_column(head, justify="right", no_wrap=True)
    for label, value, (accuracy, loss, error) in zip(labels, values, figures, strict=True):
        cells = [metric.value(value)] if metric else []
        cells += [f"{accuracy:.2f}", f"{loss:.3f}", f"{error:.2f}"]
        table.add_row(Text(label), *cells, end_section=label == labels[-2])
    return table


def _gain(values: Sequence[float], split: str, metric: Metric) -> str:
    """Return by how much the last of `values`, of all together, differs from the others."""
    *members, together = values
    mean = sum(members) / len(members)
    best = max(members, key=metric.gain)
    of = "" if metric.is_accuracy else f" of {metric.name.replace('validation ', '')}"
    better = f" ({metric.better})" if metric.better else ""
    name = "validation" if split == "val" else "test"
    return (
        f"{len(members)} runs together: {metric.amount(together - mean, sign=True)}{of} on their "
        f"mean and {metric.difference(together - best)} on the best of them{better}, on the {name} "
        f"set, for {len(members)} times the work of a prediction."
    )
