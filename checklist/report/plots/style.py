"""How every plot looks, on its own and inside a page that may be light or dark."""

from __future__ import annotations

import io
import logging
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.page.palette import LIGHT
from darkmagic.text import printable, shortened

__all__ = [
    "MAX_LABEL",
    "colour_of",
    "label_of",
    "marker_of",
    "new_figure",
    "plain_name",
    "standalone",
    "themed",
    "to_png",
    "to_svg",
]

MARKERS = {Verdict.BETTER: "^", Verdict.WORSE: "v"}
"""Shapes repeat what colours show, for readers who cannot distinguish them."""


OWN_FONT = "DejaVu Sans"
"""Matplotlib brings it along."""
NO_LETTERS = "Last Resort"
"""A font that comes along too: it has a box for each letter there is."""
LATIN = 0x17F
"""The last of the letters that it surely has."""
MAX_LABEL = 40
"""Columns of a name beside a picture."""


def marker_of(row: Row) -> str:
    """Return the shape of a row's point."""
    return "x" if row.unstable else MARKERS.get(row.verdict, "o")


def colour_of(verdict: Verdict) -> str:
    """Return the colour of a verdict."""
    names = {Verdict.BETTER: "better", Verdict.WORSE: "worse"}
    return LIGHT[names.get(verdict, "neutral")]


def plain_name(name: str) -> str:
    """Return a name as it is shown, in one line: a dollar is no start of a formula."""
    return printable(name).replace("$", r"\$")


def label_of(name: str, width: int = MAX_LABEL) -> str:
    """Return a name beside a picture, which leaves room for the picture."""
    return plain_name(shortened(printable(name), width))


def new_figure(width: float, height: float, **subplots: Any) -> tuple[Figure, Any]:
    """Return a figure, `width` by `height` inches, with its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots(**subplots)
    for ax in figure.axes:
        ax.patch.set_alpha(0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(LIGHT["line"])
        ax.tick_params(colors=LIGHT["faint"], labelsize=8)
        ax.xaxis.label.set_color(LIGHT["faint"])
        ax.yaxis.label.set_color(LIGHT["faint"])
        ax.title.set_color(LIGHT["ink"])
    return figure, axes


def to_svg(figure: Figure, name: str) -> str:
    """Return `figure` as an SVG element: text stays text, and the same figure the same bytes."""
    import matplotlib as mpl

    out = io.StringIO()
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # The reader's fonts draw the text; ours, which only measure it, have no Chinese.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = printable(out.getvalue(), keep="\n")
    svg = svg[svg.index("<svg") :]
    return re.sub(r"font: (\d+(?:\.\d+)?px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)


def to_png(figure: Figure, dpi: int = 200) -> bytes:
    """Return `figure` on white as the bytes of a PNG file."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _find_fonts(figure)
        log = logging.getLogger("matplotlib.font_manager")
        level = log.level
        log.setLevel(logging.ERROR)  # a found font may have no bold letters
        try:
            figure.savefig(out, format="png", dpi=dpi, facecolor=LIGHT["paper"])
        finally:
            log.setLevel(level)
    return out.getvalue()


def _find_fonts(figure: Figure) -> None:
    """Have letters that our font lacks drawn by the first font of this machine that has them."""
    from matplotlib.font_manager import fontManager, get_font
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    wanted = {ord(c) for text in texts for c in text.get_text() if ord(c) > LATIN}
    families = []
    for entry in sorted(fontManager.ttflist, key=lambda entry: entry.name != OWN_FONT):
        if not wanted or entry.name.startswith(NO_LETTERS):
            continue
        found = wanted & get_font(entry.fname).get_charmap().keys()
        if found:
            families.append(entry.name)
            wanted -= found
    for text in texts:
        text.set_fontfamily([OWN_FONT, *families])


def standalone(svg: str) -> str:
    """Return `svg` as a file of its own, on white paper whatever is behind it."""
    return '<?xml version="1.0" encoding="utf-8"?>\n' + svg.replace(
        "<svg", f'<svg style="background: {LIGHT["paper"]}"', 1
    )


def themed(svg: str, label: str) -> str:
    """Return `svg` in the page's colours, with `label` for those who do not see it."""
    for name, colour in LIGHT.items():
        svg = svg.replace(colour, f"var(--{name})")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
