"""Parts that the views share: plain tables, dim notes, commands to run next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["command_line", "next_steps", "note", "plain_table"]

INDENT = (0, 0, 0, 2)


def plain_table(title: str | None = None, *, edge: bool = True) -> Table:
    """Return an empty table with a line below its head; without `edge`, none around it."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=edge,
        pad_edge=False,
        collapse_padding=True,
    )


def note(text: str) -> RenderableType:
    """Return a dim, indented note on what is above it. Lines of it that are indented are commands.

    A command is one line however narrow the terminal is, so that it can be pasted.
    """
    lines = [
        Text(f"  {line}", style="dim", no_wrap=True, overflow="ignore")
        if line.startswith(" ")
        else Padding(Text(line, style="dim"), INDENT)
        for line in text.splitlines()
    ]
    return Group(*lines)


def next_steps(steps: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    """Yield each of `steps`, why and a command, under an empty line."""
    for why, command in steps:
        yield from (Text(), Text(f"{why}:"), command_line(command))


def command_line(command: str) -> Text:
    """Return an indented command that is not wrapped."""
    return Text(f"  {command}", style="bold", no_wrap=True, overflow="ignore")
