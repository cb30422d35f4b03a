"""Commands as the real command line reads them, without running them."""

from __future__ import annotations

import shlex
from typing import Any

import click
import typer

from darkmagic.cli.main import app

__all__ = ["parse_command"]


def parse_command(line: str) -> click.Context:
    """Return what `darkmagic ...` is read as.

    Raises `click.UsageError` for a command or an option that there is not, and for what is missing.
    """
    program, *words = shlex.split(line)
    assert program == "darkmagic", line
    command: Any = typer.main.get_command(app)
    context: Any = None
    name = program
    while True:
        context = command.make_context(name, words, parent=context)
        if not hasattr(command, "resolve_command"):
            return context  # type: ignore[no-any-return]
        name, command, words = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
