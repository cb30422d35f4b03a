"""Metrics in a script's lines: `METRIC name=value`, lines of JSON, and a pattern of the user's."""

from __future__ import annotations

import re

from darkmagic.trainers.command.log import ANSI
from darkmagic.trainers.command.sources.values import (
    Found,
    add_row,
    number,
    parse_object,
    whole_step,
)

__all__ = ["OF_OUTPUT", "Lines", "pattern_problem"]

PAIR = re.compile(r"([^\s=,;:]+)\s*=\s*([^\s,;]+)")
MARK = b"METRIC"
OF_OUTPUT = "its output"
"""How the name of each of these sources ends."""


class Lines:
    r"""Reads lines as they come; `found` has what each of the three ways found, in their order.

    >>> lines = Lines("val_acc", r"Acc@1 (?P<value>[\d.]+)")
    >>> for line in (b"METRIC val_acc=0.5 epoch=1", b'{"loss": 2.0}', b"* Acc@1 50.0"):
    ...     _ = lines.read(line)
    >>> [(each.where, each.values) for each in lines.found]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('METRIC lines of its output', {'val_acc': [(1, 0.5)]}),
     ('JSON lines of its output', {'loss': [(None, 2.0)]}),
     ('the pattern in its output', {'val_acc': [(None, 50.0)]})]
    """

    def __init__(self, metric: str, pattern: str | None = None) -> None:
        self.metric = metric
        self._pattern = re.compile(pattern) if pattern else None
        self._marked = Found(f"METRIC lines of {OF_OUTPUT}")
        self._objects = Found(f"JSON lines of {OF_OUTPUT}")
        self._matched = Found(f"the pattern in {OF_OUTPUT}")

    @property
    def found(self) -> list[Found]:
        """What was found, in the order in which it is believed."""
        return [self._marked, self._objects, self._matched]

    def concerns(self, text: bytes) -> bool:
        """Whether lines within `text` may have a metric: most of a long output has none."""
        return MARK in text or b"{" in text or self._pattern is not None

    def read(self, line: bytes) -> bool:
        """Read a line; return whether it has a value of the metric."""
        if not self.concerns(line):
            return False
        before = [len(each.values.get(self.metric, ())) for each in self.found]
        text = ANSI.sub("", line.decode(errors="replace")).strip()
        _, mark, after = text.partition("METRIC ")
        if mark:
            add_row(self._marked, dict(PAIR.findall(after)))
        elif text.startswith("{") and (row := parse_object(text)) is not None:
            add_row(self._objects, row)
        if self._pattern is not None:
            self._match(self._pattern, text)
        return before != [len(each.values.get(self.metric, ())) for each in self.found]

    def _match(self, pattern: re.Pattern[str], text: str) -> None:
        for match in pattern.finditer(text):
            groups = match.groupdict()
            value = number(groups.get("value", match[1] if match.re.groups else None))
            if value is not None:
                self._matched.add(self.metric, value, whole_step(groups.get("step")))


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern of a metric; None if nothing is.

    >>> pattern_problem("acc: [0-9.]+")
    'it has no group that is the value; write acc: ([0-9.]+) or (?P<value>...)'
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"it is no regular expression: {error}"
    if not compiled.groups:
        return "it has no group that is the value; write acc: ([0-9.]+) or (?P<value>...)"
    return None
