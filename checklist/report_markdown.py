"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.report import Report, percent, points, ratio

__all__ = ["to_markdown"]


def to_markdown(report: Report) -> str:
    """Return a heading, the table, the notes and where it comes from."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    comparison = report.comparison
    intervals = any(row.interval for row in comparison.rows)
    heads = ["section", "trial", "val %", "diff", *(["95 % interval"] * intervals)]
    heads += ["time", "memory", "params", "status"]
    yield f"# {report.title}"
    yield ""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "|".join(["---", "---", *["---:"] * (len(heads) - 3), "---"]) + "|"
    for row in comparison.rows:
        interval = f"{row.interval.low:+.2f} to {row.interval.high:+.2f}" if row.interval else ""
        cells = [row.section, f"`{row.name}`", percent(row.accuracy), points(row.difference)]
        cells += [interval] * intervals
        cells += [ratio(row.ratios[name]) for name in ("time", "memory", "parameters")]
        yield "| " + " | ".join([*cells, row.status]) + " |"
    yield ""
    yield from (f"- {_escape(note)}" for note in comparison.notes)
    yield ""
    yield from (f"- {label}: {_escape(value)}" for label, value in report.facts.items())
    for words, command in report.next_steps:
        yield ""
        yield f"{words}: `{command}`"


def _escape(text: str) -> str:
    for character in "\\`*_<>|":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")
