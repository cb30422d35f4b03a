"""Train the screen of the README again, and write its report, its table and its pictures.

    python docs/results/screen.py        # 2 minutes on two cores that do nothing else

The sweep is the one that the committed report says it was asked for. Where figures change, the
prose of README.md and docs/digits.md has to follow: tests/cli/test_readme.py tells where.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from render import write_result
from rich.console import Console

from darkmagic.checklist.report.content import Report
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.orchestrate.report import load_report

REPO = Path(__file__).parents[2]
FOLDER = REPO / "docs" / "results" / "digits_screen"
README_WIDTH = 96


def main() -> None:
    """Train, and write all files of the result and the README's table."""
    asked = json.loads((FOLDER / "report.json").read_text())["facts"]["asked for"]
    words = shlex.split(asked)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", *words]
        subprocess.run(command, cwd=folder, check=True)  # noqa: S603 (a command of ours)
        report = load_report(f"sqlite:///{folder}/runs/mlflow.db", None, curves=True)
        write_result(report, FOLDER)
    readme = REPO / "README.md"
    readme.write_text(with_table(readme.read_text(), report))


def with_table(page: str, report: Report) -> str:
    """Return `page` with the table of `report` as it is printed, in its block of text."""
    console = Console(width=README_WIDTH, file=io.StringIO())
    with console.capture() as captured:
        console.print(comparison_view(report, README_WIDTH, alone=True))
    table = "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())
    found = re.search(r"```text\n(trial .*?)\n```", page, re.DOTALL)
    assert found is not None, "README.md has no table of the screen"
    return page[: found.start(1)] + table + page[found.end(1) :]


if __name__ == "__main__":
    main()
