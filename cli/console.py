"""The two consoles: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from darkmagic.cli.own_command import longer_forms, pasteable
from darkmagic.text import printable

if TYPE_CHECKING:
    from rich.status import Status

__all__ = ["SafeConsole", "make_console"]

FILE_WIDTH = 160
"""Of output that no terminal cuts off."""


class SafeConsole(Console):
    r"""A console that prints text as it is, whoever wrote it.

    Brackets are no markup, control characters are shown and not obeyed, and no line is cut, so
    that a command can be pasted, in the form that works where the user is (`own_command`). Names of
    classes, paths and errors come from users' files.

    >>> SafeConsole(width=20).print("only=[mixup]", chr(27))
    only=[mixup] \x1b
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print `objects` as `Console.print` does, and cut no line."""
        super().print(*objects, **{"crop": False, **options})

    def status(self, status: RenderableType, **options: Any) -> Status:
        """Show what is done meanwhile; in a file or a pipe, where nothing turns, as a line."""
        if not self.is_terminal:
            self.print(status, "...")
        return super().status(status, **options)

    def on_broken_pipe(self) -> None:
        """Go on in silence: a sweep outlives whoever read its progress, as `head` does not."""
        self.quiet = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.file.fileno())  # else Python's last flush fails as well
        os.close(nothing)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return `text` as it is measured and rendered, such as a cell's."""
        return super().render_str(pasteable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of `renderable`, without control characters in their text."""
        if isinstance(renderable, Text):  # before it is wrapped
            renderable = _pasteable(renderable)
        for segment in super().render(renderable, options):
            if segment.control is None:
                yield Segment(printable(segment.text, keep="\n"), segment.style)
            else:
                yield segment


def _pasteable(text: Text) -> Text:
    """Return `text` with its commands as they work here, in the styles that it has."""
    longer = longer_forms(text.plain)
    if not longer:
        return text

    def moved(place: int) -> int:
        return place + sum(len(form) - (end - start) for start, end, form in longer if end <= place)

    whole = text.blank_copy(pasteable(text.plain))
    whole.spans = [Span(moved(span.start), moved(span.end), span.style) for span in text.spans]
    return whole


def make_console(*, stderr: bool = False) -> SafeConsole:
    """Return a console of stdout or stderr. Colours follow the terminal and NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else FILE_WIDTH
    return SafeConsole(stderr=stderr, width=width)
