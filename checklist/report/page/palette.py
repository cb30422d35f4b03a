"""The colours of page, plots and notebook, in one place, for light and dark.

The three verdicts are told apart by readers who see no red, no green or no blue (Machado et al.
2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency"), and their words
have a contrast of 7 to 1 and more (WCAG 2.2, level AAA) on each paper of the page. Shapes repeat
what they say.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DARK", "HUES", "LIGHT", "PRINT", "declarations"]

LIGHT = {
    "ink": "#1c1c23",
    "paper": "#ffffff",
    "faint": "#4d4d58",
    "line": "#dcdce3",
    "band": "#c9d4e6",
    "accent": "#24508f",
    "better": "#005a52",
    "worse": "#952400",
    "neutral": "#3a4a94",
    "mark": "#8a4b00",
    "shade": "#f4f5f8",
    "soft": "#eef1f7",
    "h0": "#2c5aa1",
    "h1": "#b3261f",
    "h2": "#0a6e3d",
    "h3": "#8a4b00",
    "h4": "#6b3fa0",
    "h5": "#00707f",
    "h6": "#a02c6b",
    "h7": "#5f6b1e",
}
"""Each colour by the name of its CSS variable; `h0` and on are those of learning curves."""

DARK = {
    "ink": "#e9e9ee",
    "paper": "#17171c",
    "faint": "#b4b4c0",
    "line": "#3a3a44",
    "band": "#33415a",
    "accent": "#8fb4f0",
    "better": "#56d8c0",
    "worse": "#ff9a6a",
    "neutral": "#a3b5ee",
    "mark": "#f0d36b",
    "shade": "#202027",
    "soft": "#22252f",
    "h0": "#8fb4f0",
    "h1": "#ff8f86",
    "h2": "#6fd49b",
    "h3": "#f0b36b",
    "h4": "#c3a1f2",
    "h5": "#5fd0de",
    "h6": "#f29ac6",
    "h7": "#c9d46a",
}

PRINT = {**LIGHT, "line": "#cfcfd8", "shade": "#ffffff", "soft": "#f2f4f8"}
"""Lines are stronger on paper, and what is only behind words takes less ink."""

HUES = sum(name[1:].isdigit() for name in LIGHT)
"""Colours of learning curves; further lines have them again, dashed."""


OF_NOTEBOOK = {
    "ink": "--jp-content-font-color1",
    "paper": "--jp-layout-color0",
    "faint": "--jp-content-font-color2",
    "line": "--jp-border-color2",
}
"""Colours that Jupyter's theme says, of which ours are for where it says nothing."""


def declarations() -> dict[str, str]:
    """Return the declarations of CSS variables, by the name that templates have for them.

    >>> declarations()["light"][:39]
    '--ink: #1c1c23; --paper: #ffffff; --fai'
    """
    schemes = {"light": LIGHT, "dark": DARK}
    return {
        **{name: _declared(colours) for name, colours in schemes.items()},
        **{f"{name}_notebook": _declared(_themed(colours)) for name, colours in schemes.items()},
        "print": _declared(PRINT),
    }


def _themed(colours: Mapping[str, str]) -> dict[str, str]:
    """Return `colours` with those of the notebook's theme before ours."""
    return {
        name: f"var({OF_NOTEBOOK[name]}, {colour})" if name in OF_NOTEBOOK else colour
        for name, colour in colours.items()
    }


def _declared(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
