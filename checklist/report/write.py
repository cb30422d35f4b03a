"""A report in the format that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.report.content import Report
from darkmagic.text import printable

__all__ = ["ALL_FORMATS", "FORMATS", "PICTURES", "draw_picture", "write_files", "write_report"]

FORMATS = ("md", "html", "tex", "csv", "json")
PICTURES = ("svg", "png", "card")
"""The main picture for slides and pull requests, and the preview of a link, a PNG file too."""
ALL_FORMATS = (*FORMATS, "txt", *PICTURES)
"""With the picture in characters; what is not in `FORMATS` is written where it is asked for."""
KEPT = "\n\t\xa0"
"""White space of the templates; other characters that cannot be seen are escaped."""


def write_report(report: Report, form: str) -> str:
    """Return `report` in one of `FORMATS`, or as txt. Raises `UserError` for another.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> report = Report("mine", compare(mine, records), facts={})
    >>> write_report(report, "csv").splitlines()[0].split(",")[:3]
    ['trial', 'section', 'trick']
    """
    from darkmagic.checklist.report.writers import data, html, latex, markdown, text

    writers: dict[str, Callable[[Report], str]] = {
        "md": markdown.to_markdown,
        "html": html.to_html,
        "tex": latex.to_latex,
        "csv": data.to_csv,
        "json": data.to_json,
        "txt": text.to_text,
    }
    if form not in writers:
        raise UserError(f"no report format {form!r}; " + nearest(form, writers))
    return printable(writers[form](report), keep=KEPT)


def draw_picture(report: Report, form: str) -> bytes:
    """Return the bytes of one of `PICTURES`. Raises `UserError` for another, or without effects."""
    from darkmagic.checklist.report.plots.card import social_card
    from darkmagic.checklist.report.plots.effects import forest_plot, forest_png
    from darkmagic.checklist.report.plots.style import standalone

    if form not in PICTURES:
        raise UserError(f"no picture {form!r} of a report; " + nearest(form, PICTURES))
    if form == "card":
        return social_card(report)
    if form == "png":
        drawn = forest_png(report)
    else:
        svg = forest_plot(report)
        drawn = None if svg is None else standalone(svg).encode()
    if drawn is None:
        raise UserError("no picture of effects: no trick has a difference from the baseline yet")
    return drawn


def write_files(report: Report, folder: Path) -> list[Path]:
    """Write `report` in every format, and its plots, into `folder`; return the files."""
    from darkmagic.checklist.report.plots.all import draw_plots
    from darkmagic.checklist.report.plots.style import standalone

    drawn = draw_plots(report)
    contents = {f"report.{form}": write_report(report, form) for form in FORMATS}
    contents |= {f"{name}.svg": standalone(svg) for name, svg in drawn.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]
