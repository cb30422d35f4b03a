"""A report in the format that was asked for, on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import PICTURES, draw_picture, write_report

__all__ = ["check_store", "print_report"]

BINARY = ("png", "card")


def print_report(report: Report, form: str) -> None:
    """Write `report` to standard output; a picture's bytes to no terminal, which raises."""
    if form not in PICTURES:
        sys.stdout.write(write_report(report, form))
        return
    if form in BINARY and sys.stdout.isatty():
        raise UserError(f"{form} is a picture, no text for a terminal: add > {form}.png")
    sys.stdout.buffer.write(draw_picture(report, form))
    sys.stdout.flush()


def check_store(uri: str) -> None:
    """Raise `UserError` if `uri` is a file of SQLite's that is not there."""
    store = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:") and not store.exists():
        raise UserError(f"no tracking store at {store}; start a sweep: darkmagic checklist run")
