"""`darkmagic report`: the comparison of a sweep, from MLflow alone."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.expected import Expected
from darkmagic.cli.options import Expect, ExpectOf, ReadFrom, TrackingUri
from darkmagic.cli.read_only import read_only

if TYPE_CHECKING:
    from rich.console import Console

    from darkmagic.checklist.report.content import Sort

__all__ = ["report"]


def report(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="An experiment; several for a table over all.  [default: the newest]"),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--name", "-n", help="An experiment, as other commands name it."),
    ] = None,
    tracking_uri: TrackingUri = None,
    out: ReadFrom = Path("runs"),
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Write md, html, tex, csv, json, txt, svg, png or card to stdout instead.",
        ),
    ] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="Rows of a section: best first, or checklist order.")
    ] = "best",
    every_run: Annotated[
        bool, typer.Option("--runs", help="Show the accuracy of every run instead of the costs.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare the effects in two experiments.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option("--watch", help="Refresh every so many seconds while the sweep runs."),
    ] = None,
    expect: Expect = None,
    of: ExpectOf = None,
) -> None:
    """Show the comparison of a sweep that has run, or is running."""
    with cli_errors():
        from darkmagic.checklist.errors import UserError, nearest
        from darkmagic.checklist.report.content import Sort
        from darkmagic.checklist.report.write import ALL_FORMATS
        from darkmagic.cli.console import make_console
        from darkmagic.cli.views.comparison import comparison_view
        from darkmagic.cli.views.written import check_store, print_report
        from darkmagic.sweeps.orchestrate.report import load_report  # without Hydra, unlike api
        from darkmagic.sweeps.track.store import default_uri
        from darkmagic.text import shell_word

        names = [*(experiments or ()), *(named or ())]
        if form is not None and form not in ALL_FORMATS:
            raise UserError(f"no report format {form!r}; " + nearest(form, ALL_FORMATS))
        if out.suffix[1:] in ALL_FORMATS and not out.exists():
            raise UserError(
                f"-o {out}: it names the folder of all experiments; to write a file: "
                f"darkmagic report --format {form or out.suffix[1:]} > {shell_word(str(out))}"
            )
        if sort not in list(Sort):
            raise UserError(f"no order {sort!r} to sort by; " + nearest(sort, list(Sort)))
        if compare and len(names) != 2:
            raise UserError(f"--compare needs two experiments, and got {len(names)}")
        if watch is not None and watch <= 0:
            raise UserError(f"--watch={watch:g}: need a number of seconds over 0")
        expected = Expected.read(expect, of)
        if expected.claim is not None and (len(names) > 1 or watch is not None):
            raise UserError("--expect is about one experiment that has run, without --watch")
        uri = default_uri(tracking_uri, out)
        check_store(uri)
        console = make_console()
        name = names[0] if names else None
        if watch is not None and len(names) < 2:
            _watch(console, uri, name, watch, Sort(sort), every_run=every_run)
            return
        with read_only():
            if len(names) > 1:
                _several(console, uri, names, compare=compare)
                return
            loaded = load_report(uri, name, curves=form == "html", sort=Sort(sort))
            objections = expected.objections(loaded)
            if form is not None:
                print_report(loaded, form)
            else:
                console.print(loaded.title, style="bold")
                console.print(comparison_view(loaded, console.width, every_run=every_run))
            expected.conclude(objections)


def _watch(
    console: Console, uri: str, name: str | None, seconds: float, sort: Sort, *, every_run: bool
) -> None:
    """Refresh the table until every run has ended."""
    import time

    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from darkmagic.cli.views.comparison import comparison_view
    from darkmagic.sweeps.orchestrate.report import load_report

    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=console, vertical_overflow="visible", auto_refresh=False) as live,
    ):
        while True:
            loaded = load_report(uri, name, sort=sort)
            view = comparison_view(loaded, console.width, every_run=every_run)
            live.update(Group(Text(loaded.title, style="bold"), view), refresh=True)
            if not loaded.comparison.waiting:
                return
            time.sleep(seconds)


def _several(console: Console, uri: str, names: list[str], *, compare: bool) -> None:
    from darkmagic.cli.views.several import compared_view, summary_view
    from darkmagic.sweeps.orchestrate.report import load_report

    comparisons = [load_report(uri, name).comparison for name in names]
    if compare:
        console.print(compared_view(names[0], comparisons[0], names[1], comparisons[1]))
    else:
        console.print(summary_view(dict(zip(names, comparisons, strict=True))))
