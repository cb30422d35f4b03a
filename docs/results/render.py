"""Write the files of a committed result from its tracking store.

    python docs/results/render.py sqlite:///runs/mlflow.db docs/results/digits

The digits result is `darkmagic checklist run seeds=5` on two CPU cores.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from rich.console import Console

from darkmagic.checklist.report.plots.all import draw_plots
from darkmagic.checklist.report.plots.style import standalone
from darkmagic.checklist.report.write import write_report
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.orchestrate.report import load_report

WIDTH = 118


def main() -> None:
    """Write the report in three formats, the terminal's picture and the plot of effects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    report = load_report(arguments.uri, None, curves=True)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for form in ("md", "html", "json"):
        (arguments.folder / f"report.{form}").write_text(write_report(report, form))
    (arguments.folder / "effects.svg").write_text(standalone(draw_plots(report)["effects"]))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(comparison_view(report, WIDTH))
    svg = console.export_svg(title="darkmagic report")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture that needs no network
    (arguments.folder / "terminal.svg").write_text(svg.replace("Fira Code, ", ""))


if __name__ == "__main__":
    main()
