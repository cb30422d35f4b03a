"""What the notes of a screen say, and what they do not where too little is known."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from rich.console import Console

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.designs.screen import make_screen
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.answer import answer_of
from darkmagic.checklist.report.screened import screen_trials
from darkmagic.cli.views.power import power_view
from screens import ARTICLE, screen_of, screened

TRUE = {("t7", "b"): 0.6, ("t0", "b"): -0.5, ("t1", "c"): 0.5}
FEW = Checklist("few", tuple(Trick(f"t{n}", "s", ("a", "b")) for n in range(5)))
CLAIMS = ("Lack of fit:", "far more than the others")


@pytest.mark.parametrize(
    ("lost", "floor", "how"),
    [
        ({"accuracy": 0.1086}, None, "below the floor: 10.9% right"),
        ({"accuracy": 0.42}, 0.5, "below the floor: 42.0% right"),
        ({"status": Status.FAILED, "accuracy": None, "reason": "OSError: no"}, None, "OSError: no"),
        ({"status": Status.DIVERGED, "accuracy": None, "reason": "x" * 5000}, None, "diverged"),
    ],
)
@pytest.mark.parametrize("runs", [1, 2])
def test_runs_without_a_result_say_why_and_what_that_flatters(
    lost: dict[str, Any], floor: float | None, how: str, runs: int
) -> None:
    """However few there are: the report and the list of runs have the reason and the figure."""
    records = screened(screen_of(24), TRUE, seed=3)
    kept = [dataclasses.replace(r, **lost) for r in records[5 : 5 + runs]]
    comparison = compare(ARTICLE, [*records[:5], *kept, *records[5 + runs :]], Rules(floor=floor))
    said = next(n for n in Report("mine", comparison, facts={}).notes if "missing cells" in n)
    assert f"{records[5].name} (" in said
    assert how in said
    assert "flattered" in said
    assert len(said) < 1000
    assert how in screen_trials(comparison)[records[5].name]
    if runs == 1:
        had = [f"{t}={o}" for t, o in records[5].choices.items() if o != "a"]
        assert all(option in said for option in had)


def _strange(df: int) -> list[TrialRecord]:
    """Return runs that add up to the last digit, all but one, which is 5 points off."""
    records = screened(make_screen(FEW, 6 + df), {("t1", "b"): 1.0}, spread=0.001)
    last = records[-1]
    return [*records[:-1], dataclasses.replace(last, accuracy=(last.accuracy or 0) - 0.05)]


@pytest.mark.parametrize("df", range(1, 8))
def test_residuals_are_no_finding_where_few_degrees_of_freedom_tell(df: int) -> None:
    """With fewer than four neither a run nor a pair of tricks is said to stand out."""
    comparison = compare(FEW, _strange(df))
    assert comparison.screen is not None
    assert comparison.screen.fit is not None
    assert comparison.screen.fit.df == df
    notes = " ".join(Report("m", comparison, facts={}).notes)
    assert any(claim in notes for claim in CLAIMS) is (df >= 4)
    assert ("cannot be checked with so few runs" in notes) is (df < 4)


def test_residuals_of_runs_that_learnt_nothing_are_no_finding() -> None:
    """Where the alarm is given, what does not add up is luck, and nothing is named for it."""
    strange = _strange(7)
    guessed = [dataclasses.replace(r, accuracy=(r.accuracy or 0) - 0.82) for r in strange]
    for records, learnt in ((strange, True), (guessed, False)):
        report = Report("m", compare(FEW, records), facts={})
        notes = " ".join(report.notes)
        assert bool(report.advice.alarm) is not learnt
        assert any(claim in notes for claim in (*CLAIMS, "most aliased with")) is learnt


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_spread_of_a_screen_is_said_to_have_interactions_in_it(seeds: tuple[int, ...]) -> None:
    """Recipes differ, so it is not what a seed moves; and whether any was repeated is said."""
    trials = make_screen(FEW, 16 * len(seeds) if len(seeds) > 1 else 12)
    if len(seeds) > 1:
        trials = [dataclasses.replace(t, seed=seed) for t in trials[:12] for seed in seeds]
    report = Report("m", compare(FEW, screened(trials, {})), facts={})
    notes = " ".join(report.notes)
    assert "off what their options add up to" in notes
    assert "seed alone" not in notes
    assert ("no recipe was repeated" in notes) is (len(seeds) == 1)
    told = [figure.more for figure in answer_of(report).figures]
    assert not any("spread by" in more for more in told)
    own = Console(width=200, file=io.StringIO(), color_system=None)
    own.print(power_view(FEW, None, report))
    assert isinstance(own.file, io.StringIO)
    assert "What options do together is in that" in own.file.getvalue()


def test_rate_of_an_option_in_a_screen_is_retuned_by_the_screen() -> None:
    """retune=ladder picks no rate for a row first there, and is not said to."""
    optimizer = Trick("t0", "s", ("a", "b"), retune={"b": ("lr",)})
    mine = dataclasses.replace(FEW, tricks=(optimizer, *FEW.tricks[1:]))
    for trials, said in (
        (make_screen(mine, 12), "adds the rate to the screen"),
        (expand(mine, plan_seeds(mine, seeds=3)), "picks a rate for each first"),
    ):
        notes = " ".join(Report("m", compare(mine, screened(trials, {})), facts={}).notes)
        assert f"retune=ladder {said}" in notes
