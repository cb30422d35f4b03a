"""The report's page while its sweep runs: it says how far that is, and shows what is new."""

from __future__ import annotations

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.live import Live
from darkmagic.checklist.report.writers.html import to_html
from darkmagic.text import printable

__all__ = ["live_html"]


def live_html(report: Report, live: Live, state: str) -> str:
    """Return the page, which asks at the address `state` how far the sweep is."""
    return printable(to_html(report, live=live, state=state), keep="\n\t\xa0")
