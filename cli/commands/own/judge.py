"""`darkmagic judge`: verdicts on runs that exist, from wherever they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkmagic.cli.errors import cli_errors
from darkmagic.cli.expected import Expected
from darkmagic.cli.options import Expect, ExpectOf
from darkmagic.cli.read_only import read_only

if TYPE_CHECKING:
    from darkmagic.checklist.judging.judgement import Judgement

__all__ = ["judge"]


def judge(
    source: Annotated[
        str,
        typer.Argument(
            help="A CSV, JSON or JSON-lines file, - for standard input, MLflow's store or Optuna's "
            "storage (a file or a URI), or a folder of TensorBoard's event files."
        ),
    ],
    metric: Annotated[
        str | None, typer.Option("--metric", "-m", help="The column that decides.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            "-b",
            help="The trial to compare with; of several columns: opt=sgd,aug=none.",
        ),
    ] = None,
    trial: Annotated[
        list[str] | None,
        typer.Option(
            "--trial", "-t", help="The column of trials; several are factors that change together."
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", help="The column of seeds; none to pair no runs.")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", "-e", help="Of MLflow's store: the experiment.")
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", help="Of Optuna's storage: the study.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", "-d", help="Better is max or min.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Of the metric: s, %, mAP.")] = None,
    min_effect: Annotated[
        float, typer.Option("--min-effect", help="The smallest difference that matters.")
    ] = 0.0,
    expect: Expect = None,
    of: ExpectOf = None,
    status: Annotated[
        str | None, typer.Option("--status", help="The column of how runs ended; none for none.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="The column of epochs, of a row an epoch.")
    ] = None,
    take: Annotated[
        str, typer.Option("--take", help="Of a row an epoch: the last, or the best.")
    ] = "last",
    sd: Annotated[
        str | None, typer.Option("--sd", help="Of a table of means: the standard deviations.")
    ] = None,
    count: Annotated[
        str | None, typer.Option("--n", help="Of a table of means: runs of each, or their column.")
    ] = None,
    decimal: Annotated[
        str | None, typer.Option("--decimal", help="The sign before decimals: . or ,")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder that the reports are written to.")
    ] = Path("judged"),
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Write md, html, tex, csv, json, txt, svg, png or card to stdout instead.",
        ),
    ] = None,
    every_run: Annotated[
        bool, typer.Option("--runs", help="Show the result of every run.")
    ] = False,
) -> None:
    """Say which of your own runs differ from the baseline, and by how much."""
    with cli_errors(), read_only():
        from darkmagic.checklist.errors import UserError, nearest
        from darkmagic.checklist.report.write import ALL_FORMATS
        from darkmagic.cli.views.written import print_report
        from darkmagic.sweeps.sources.judge import judge as judge_runs

        if form is not None and form not in ALL_FORMATS:
            raise UserError(f"no report format {form!r}; " + nearest(form, ALL_FORMATS))
        expected = Expected.read(expect, of)
        found = judge_runs(
            source,
            metric,
            baseline,
            trial=trial or (),
            seed=seed,
            direction=direction,
            min_effect=min_effect,
            unit=unit,
            status=status,
            step=step,
            take=take,
            sd=sd,
            n=count,
            decimal=decimal,
            experiment=experiment,
            study=study,
        )
        objections = expected.objections(found.report)
        if form is not None:
            print_report(found.report, form)
        else:
            _show(found, out, every_run=every_run)
        expected.conclude(objections)


def _show(found: Judgement, out: Path, *, every_run: bool) -> None:
    """Print the table, and write the report in every format."""
    from darkmagic.checklist.report.write import write_files
    from darkmagic.cli.console import make_console
    from darkmagic.cli.views.comparison import comparison_view

    console = make_console()
    console.print(found.report.title, style="bold")
    for key in ("taken for", "baseline"):
        console.print(f"{key}: {found.report.facts[key]}", style="dim")
    console.print()
    console.print(comparison_view(found.report, console.width, every_run=every_run))
    write_files(found.report, out)
    console.print(f"\nreports: {out}/report.html and {', '.join(_others())}")


def _others() -> list[str]:
    from darkmagic.checklist.report.write import FORMATS

    return [f".{form}" for form in FORMATS if form != "html"]
