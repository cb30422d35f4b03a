"""Error messages, read from the code that raises them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from site_links import REPO

__all__ = ["MARKER", "Message", "fill_messages", "messages", "messages_of"]

MARKER = re.compile(r"^<!-- messages: (.+?) -->$", re.MULTILINE)
"""In a page: the files, as patterns, whose messages are listed in its place."""
RAISED = {
    *("UserError", "ValueError", "TypeError", "OSError", "RuntimeError", "FileNotFoundError"),
    *("ModuleNotFoundError", "AttributeError", "IndexError"),
    *("NotApplicable", "Conflict", "TrialSkipped", "NotCapturable", "CaptureFailed"),
    *("DamagedFileError", "LoaderError", "LoaderDied", "MpsUnavailable", "CalibrationError"),
    *("LauncherError", "CompactHydraException"),
}
"""What a user reads: one line at the terminal, the reason of a row, or an error of a function."""
UNREAD = {
    "NotKept": "MLflow is asked instead",
    "OutOfTime": "the check before training says itself what it left out",
    "LeftRunning": "what was asked for is done, and said in a table",
    "SilentError": "whoever waits for a child says what it did",
    "DiedError": "likewise",
}
"""Exceptions of ours that nobody reads, and why."""
ROOTS = ("checklist", "trainers", "sweeps", "cli")


@dataclass(frozen=True)
class Message:
    """What the code of `path` says at `line`, with names in braces for what is filled in."""

    path: str
    line: int
    kind: str
    text: str


@functools.cache
def messages() -> list[Message]:
    """Return every message that is raised, in the order of files and lines."""
    return [
        message
        for root in ROOTS
        for path in sorted((REPO / root).rglob("*.py"))
        for message in _raised(path)
    ]


def messages_of(page: str) -> dict[str, list[Message]]:
    """Return the messages of each marker of a page, each at the marker that names its file best.

    The longest of the patterns that match a file's path is the best one; `*` matches any folders.
    Messages whose file no pattern matches are under the empty marker.
    """
    markers = MARKER.findall(page)
    found: dict[str, list[Message]] = {marker: [] for marker in markers}
    for message in messages():
        matches = [
            (len(pattern), marker)
            for marker in markers
            for pattern in marker.split()
            if fnmatch(message.path, pattern)
        ]
        found.setdefault(max(matches, default=(0, ""))[1], []).append(message)
    return found


def fill_messages(markdown: str) -> str:
    """Put the messages of a page's markers in their places, folded."""
    if not MARKER.search(markdown):
        return markdown
    found = messages_of(markdown)

    def listed(match: re.Match[str]) -> str:
        texts = dict.fromkeys(m.text.replace("`", "'") for m in found[match[1]])
        rows = "\n".join(f"    - `{text}`" for text in texts)
        return f'??? note "The {len(texts)} messages of this kind"\n\n{rows}'

    return MARKER.sub(listed, markdown)


def _raised(path: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(path.read_text())):
        call = None
        if isinstance(node, ast.Raise):
            call = node.exc
        elif isinstance(node, ast.Return):  # by a function that says what its caller raises
            call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        if call.func.id in RAISED and call.args:
            name = path.relative_to(REPO).as_posix()
            yield Message(name, node.lineno, call.func.id, _said(call.args))


def _said(arguments: Sequence[ast.expr]) -> str:
    """Return what is said of an exception's arguments: a file and why, or a number and why."""
    texts = list(map(_text, arguments[:2]))
    return " ".join(text for text in texts if not re.fullmatch(r"\{E[A-Z]+\}", text))


def _text(node: ast.expr) -> str:
    """Return the words of an expression, with each value that is not a literal in braces."""
    if isinstance(node, ast.Constant):
        return " ".join(str(node.value).split(" "))
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.FormattedValue):
        return "{" + _short(node.value) + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return _text(node.body)
    return "{" + _short(node) + "}"


def _short(node: ast.expr) -> str:
    """Return the last name of an expression: what stands there, and not how it is come by."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
            return inner.attr
        if isinstance(inner, ast.Name):
            return inner.id
    return "..."
