"""What was asked and on what, above the answer."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import count_of, duration

__all__ = ["asked", "on_what"]

LARGE = 1e6


def asked(report: Report) -> str:
    """Return the question of the sweep in a sentence.

    >>> from darkmagic.checklist import Checklist, compare
    >>> asked(Report("mine", compare(Checklist("mine", ()), []), facts={}))
    'Which changes to the training recipe help?'
    """
    setup, comparison = report.setup, report.comparison
    number = len(comparison.tricks)
    which = f"Which of {count_of(number, 'change')}" if number > 1 else "Which changes"
    if number == 1:
        which = f"Does {comparison.tricks[0].name}"
    of = f" of {setup.model}" if setup.model else ""
    on = f" on {setup.dataset}" if setup.dataset else ""
    if number == 1:
        return f"{which} help the training recipe{of}{on}?"
    return f"{which} to the training recipe{of} help{on}?"


def on_what(report: Report) -> list[tuple[str, str]]:
    """Return labels and values: data, network, training, runs, time and machine."""
    return [(label, value) for label, value in _facts(report) if value]


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    setup, comparison = report.setup, report.comparison
    images = [(setup.train_images, "for training"), (comparison.images, "for validation")]
    counts = [f"{number:,} {what}" for number, what in images if number]
    classes = count_of(setup.classes, "class") if setup.classes else ""
    yield "Data", ", ".join(filter(None, [setup.dataset, classes, *counts]))
    size = f"{_short(setup.parameters)} parameters" if setup.parameters else ""
    yield "Network", ", ".join(filter(None, [setup.model, size]))
    epochs = count_of(report.epochs, "epoch") if report.epochs else ""
    yield "Training", epochs
    runs = setup.runs or comparison.ended
    yield "Runs", f"{runs} {_arranged(report)}" if runs else ""
    yield "Time", duration(setup.seconds) if setup.seconds else ""
    yield "Machine", report.facts.get("machine", "")


def _arranged(report: Report) -> str:
    """Return how the runs share the trials; a run of a screen belongs to no single one."""
    comparison = report.comparison
    if comparison.screen is not None:
        return "that mix the options of all tricks"
    seeds = f", up to {count_of(comparison.seeds, 'seed')}" if comparison.seeds > 1 else ""
    return f"in {count_of(len(comparison.rows), 'trial')}{seeds}"


def _short(number: float) -> str:
    if number >= LARGE:
        return f"{number / LARGE:.3g} M"
    return f"{number / 1000:.3g} k" if number >= 1000 else f"{number:g}"
