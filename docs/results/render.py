"""Write the files of a committed result from its tracking store.

    python docs/results/render.py sqlite:///runs/mlflow.db docs/results/digits

The digits result is `darkmagic checklist run seeds=5` on two CPU cores. Without the store,
`again.py` writes the files anew from the committed report.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from rich.console import Console

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.plots.all import draw_plots
from darkmagic.checklist.report.plots.style import standalone
from darkmagic.checklist.report.write import write_report
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.orchestrate.report import load_report

WIDTH = 118


def main() -> None:
    """Read the newest sweep of a store and write its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    write_result(load_report(arguments.uri, None, curves=True), arguments.folder)


def write_result(report: Report, folder: Path) -> None:
    """Write `report` in three formats, the terminal's picture and the plot of effects."""
    folder.mkdir(parents=True, exist_ok=True)
    for form in ("md", "html", "json"):
        (folder / f"report.{form}").write_text(write_report(report, form))
    (folder / "effects.svg").write_text(standalone(draw_plots(report)["effects"]))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(comparison_view(report, WIDTH))
    svg = console.export_svg(title="darkmagic report")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture that needs no network
    (folder / "terminal.svg").write_text(svg.replace("Fira Code, ", ""))


if __name__ == "__main__":
    main()
