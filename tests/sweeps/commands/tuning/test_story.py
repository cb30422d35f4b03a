"""The story of an optimisation says what is wrong with it."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from darkmagic.checklist.report.writers.story import story_markdown
from darkmagic.checklist.tuning.shares import Shares
from darkmagic.cli.views.recipes.optimize import optimized_view
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.tuning import story
from records import SMALL, report_of, simulated


@pytest.mark.parametrize("learnt", [True, False])
def test_screen_that_learnt_nothing_is_an_alarm_in_the_story(learnt: bool, tmp_path: Path) -> None:
    """Beside the answer, in its section, which has no table then, and in the terminal."""
    records = simulated(SMALL, 3)
    if not learnt:
        records = [
            dataclasses.replace(r, accuracy=(r.accuracy or 0) / 9, classes=9) for r in records
        ]
    none: Any = None
    planned = api.PlannedOptimization(none, Shares(9, 20, 1, 3), ("dataset=digits",), ())
    study = api.StudyResult("mine", "mine", "", (), {}, 0, (), (), {}, {}, ())
    begun = api.PlannedStudy(api.plan(["dataset=digits"]), none, ())
    found = api.Optimized(planned, report_of(records), study, begun, (), None, None, tmp_path)
    assert bool(found.report.advice.alarm) is not learnt
    sections = [story.answer_of(found), story._screened(found)]
    text = story_markdown("mine", sections)
    assert text.count("The screen is worthless. Nothing was learnt:") == (0 if learnt else 2)
    assert ("| option |" in text) is learnt
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(optimized_view(found))
    assert isinstance(console.file, io.StringIO)
    assert ("Nothing was learnt" in console.file.getvalue()) is not learnt
