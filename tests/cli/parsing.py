"""Commands as the real command line reads them, without running them."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from darkmagic.cli.main import app

__all__ = ["parse_command"]


def parse_command(line: str) -> Any:
    """Return what `darkmagic ...` is read as.

    Its `command` has a name, and its `params` are the values. Raises click's `UsageError`, which
    newer versions of Typer carry with them, for a command or an option that there is not.
    """
    program, *words = shlex.split(line)
    assert program == "darkmagic", line
    command: Any = typer.main.get_command(app)
    context: Any = None
    name = program
    while True:
        context = command.make_context(name, words, parent=context)
        words = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "resolve_command") or not words:
            return context
        name, command, words = command.resolve_command(context, words)
