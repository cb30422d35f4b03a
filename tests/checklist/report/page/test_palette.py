"""The page's colours: contrast on each paper, and told apart by every kind of eye."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from darkmagic.checklist.report import writers
from darkmagic.checklist.report.page.palette import DARK, HUES, LIGHT, PRINT
from darkmagic.checklist.report.plots.effects import forest_plot
from records import SMALL, report_of, simulated

SCHEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}
PAPERS = ("paper", "shade", "soft")
WORDS = ("ink", "faint", "accent", "better", "worse", "neutral")
VERDICTS = ("better", "worse", "neutral")
AAA, MARKS = 7.0, 3.0
"""Of WCAG 2.2: for words, and for what is no word (success criterion 1.4.11)."""
APART, OPPOSITE = 10.0, 25.0
"""Distances in CIELAB, in which 2.3 can just be seen: of any two verdicts, of better and worse."""
MISSING = {
    "none": np.eye(3),
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
              [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
             [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""What an eye without cones of a colour sees, of linear RGB: Machado et al. 2009, severity 1."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def _linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _contrast(colour: str, paper: str) -> float:
    dark, light = sorted((XYZ[1] @ _linear(each)).item() for each in (colour, paper))
    return (light + 0.05) / (dark + 0.05)


def _lab(linear: np.ndarray) -> np.ndarray:
    x, y, z = np.cbrt(XYZ @ linear / WHITE)  # of colours that are not nearly black
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_and_marks_have_contrast_on_every_paper(scheme: str) -> None:
    """Words are of level AAA; lines of curves and marks are of what pictures need."""
    colours = SCHEMES[scheme]
    for paper in PAPERS:
        for name in WORDS:
            assert _contrast(colours[name], colours[paper]) >= AAA, (name, paper)
        for name in ("mark", *(f"h{n}" for n in range(HUES))):
            assert _contrast(colours[name], colours[paper]) >= MARKS, (name, paper)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("missing", MISSING)
def test_verdicts_are_told_apart_by_eyes_that_miss_a_colour(scheme: str, missing: str) -> None:
    """Dark green and dark red, the colours of before, are one brown to an eye without red."""
    seen = _seen(SCHEMES[scheme], missing)
    for first, second in combinations(VERDICTS, 2):
        least = OPPOSITE if {first, second} == {"better", "worse"} else APART
        assert np.linalg.norm(seen[first] - seen[second]) >= least, (first, second)
    before = _seen({"better": "#08582f", "worse": "#98201a"}, "red")
    assert np.linalg.norm(before["better"] - before["worse"]) < APART


def _seen(colours: Mapping[str, str], missing: str) -> dict[str, np.ndarray]:
    eye = np.array(MISSING[missing])
    return {
        name: _lab(np.clip(eye @ _linear(colours[name]), 1e-3, 1))
        for name in VERDICTS
        if name in colours
    }


def test_colours_are_written_once() -> None:
    """No style sheet and no plot has a colour of its own."""
    for file in (Path(writers.__file__).parent / "templates").rglob("*.css"):
        assert "#" not in file.read_text().replace("#rows", "").replace("#shown-note", ""), file
    svg = forest_plot(report_of(simulated(SMALL, 3, {"lr=cosine": 1.5, "mixup=on": -2.0})))
    assert svg is not None
    for name in VERDICTS:
        assert LIGHT[name] in svg
