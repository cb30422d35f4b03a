"""How a study is shown where it is: on a terminal, in a file of lines, or in a notebook."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.writers import notebook
from darkmagic.cli.console import SafeConsole, make_console
from darkmagic.cli.views import progress as terminal
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.study.page import NotebookProgress

if TYPE_CHECKING:
    from darkmagic.sweeps.api import PlannedSweep

__all__ = ["make_progress", "study_html", "study_text"]

SCRIPT_WIDTH = 160
"""Columns of a table that goes to no terminal."""


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, which shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def make_progress() -> terminal.LiveProgress | terminal.PlainProgress | NotebookProgress:
    """Return the progress that suits this process: a page, bars, or lines on stderr."""
    return (
        NotebookProgress() if in_notebook() else terminal.make_progress(make_console(stderr=True))
    )


def study_text(report: Report) -> str:
    """Return the table of `report` as the command line prints it, without colours."""
    size = shutil.get_terminal_size((SCRIPT_WIDTH, 0))
    console = SafeConsole(file=io.StringIO(), width=size.columns)
    with console.capture() as captured:
        console.print(comparison_view(report, console.width))
    return captured.get().rstrip()


def study_html(report: Report | None, plan: Callable[[], PlannedSweep], command: str) -> str:
    """Return the page of `report`, or of the plan where there is none."""
    if report is not None:
        return notebook.study_html(report)
    planned = plan().plan
    return notebook.plan_html(planned.checklist, planned.trials, command)
