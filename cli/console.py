"""The two consoles: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["make_console"]

FILE_WIDTH = 160
"""Of output that no terminal cuts off."""


def make_console(*, stderr: bool = False) -> Console:
    """Return a console of stdout or stderr. Colours follow the terminal and NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else FILE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=False)
