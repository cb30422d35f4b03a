"""`darkmagic report`: the comparison of a sweep, from MLflow alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darkmagic.cli.errors import explained

__all__ = ["report"]


def report(
    experiment: Annotated[
        str | None, typer.Argument(help="The experiment's name.  [default: the newest]")
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            "--tracking-uri",
            help="MLflow's.  [default: MLFLOW_TRACKING_URI, or SQLite in the out folder]",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of all experiments.")] = Path(
        "runs"
    ),
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", help="Write md, html, csv or json to stdout instead."),
    ] = None,
) -> None:
    """Show the comparison of a sweep that has run, or is running."""
    with explained():
        from darkmagic.checklist.errors import UserError, nearest
        from darkmagic.checklist.report import FORMATS, write_report
        from darkmagic.cli.console import make_console
        from darkmagic.cli.table import comparison_table
        from darkmagic.sweeps.reporting import load_report
        from darkmagic.sweeps.tracking import default_uri

        if form is not None and form not in FORMATS:
            raise UserError(f"no report format {form!r}; " + nearest(form, FORMATS))
        uri = default_uri(tracking_uri, out.absolute())
        store = Path(uri.removeprefix("sqlite:///"))
        if uri.startswith("sqlite:") and not store.exists():
            raise UserError(f"no tracking store at {store}; start a sweep: darkmagic checklist run")
        loaded = load_report(uri, experiment)
        if form is not None:
            typer.echo(write_report(loaded, form), nl=False)
            return
        console = make_console()
        console.print(loaded.title, style="bold")
        console.print(comparison_table(loaded.comparison, console.width))
