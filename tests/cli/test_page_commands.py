"""What the report's page says to do: each row has a command that works, or a sentence why none."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import runpy
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from parsing import parse_command

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.designs.screen import make_screen
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.decisions import groups_of
from darkmagic.checklist.report.write import write_report
from darkmagic.checklist.report.writers.story import story_html, story_markdown
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.orchestrate.screening.plan import read_design
from darkmagic.text import shell_line
from records import report_of, simulated
from screens import screened

REAL = Checklist(
    "article",
    (
        Trick("optimizer", "training scheme", ("sgd_nesterov", "adam")),
        Trick("mixup", "regularisation", ("off", "on")),
        Trick("stem_activation", "architecture", ("leaky_relu", "relu", "swish")),
    ),
)
GAINS = {"optimizer=adam": 1.5, "mixup=on": -2.0, "stem_activation=relu": 0.4}


def _sweep(seeds: int, spread: float = 0.2) -> list[TrialRecord]:
    return simulated(REAL, seeds, GAINS, spread=spread)


def _of_rules(records: Sequence[TrialRecord], rules: Rules, *overrides: str) -> Report:
    comparison = compare(REAL, records, rules)
    return report_of(records, REAL, comparison=comparison, overrides=("dataset=digits", *overrides))


def _screen(runs: int, spread: float = 0.2) -> Report:
    effects = {(name.partition("=")[0], name.partition("=")[2]): g for name, g in GAINS.items()}
    trials = make_screen(REAL, min(runs, 12))
    times = -(-runs // len(trials))
    again = [dataclasses.replace(t, seed=seed) for seed in range(times) for t in trials]
    records = screened(again, effects, spread=spread)
    words = ("dataset=digits", "design=screen", f"runs={runs}")
    return report_of(records, REAL, overrides=words, reproduce={})


def _interrupted() -> Report:
    left = {"status": Status.PENDING, "accuracy": None, "correct": None}
    records = [
        dataclasses.replace(r, **left) if r.name == "mixup=on" and r.seed else r  # type: ignore[arg-type]
        for r in _sweep(3)
    ]
    return _of_rules(records, Rules())


FOLDS = Rules(overlap=1 / 4)
REPORTS: dict[str, Callable[[], Report]] = {
    "one at a time": lambda: _of_rules(_sweep(3), Rules()),
    "single runs": lambda: _of_rules(_sweep(1), Rules()),
    "too wide to settle": lambda: _of_rules(_sweep(3, spread=3.0), Rules()),
    "too small to matter": lambda: _of_rules(_sweep(8, spread=0.1), Rules(min_effect=1.0)),
    "interrupted": _interrupted,
    "race": lambda: _of_rules(_sweep(3), Rules(race=True), "budget=40"),
    "folds": lambda: _of_rules(_sweep(5), FOLDS, "folds=5"),
    "single folds": lambda: _of_rules(_sweep(1), FOLDS, "folds=5"),
    "screen": lambda: _screen(12),
    "screen without intervals": lambda: _screen(6),
    "largest screen": lambda: _screen(1000, spread=60.0),
    "command": lambda: dataclasses.replace(
        report_of(_sweep(3), REAL), overrides=("trainer=timm", "trainer.name=mine")
    ),
    "judge": lambda: report_of(_sweep(3), REAL, overrides=None),
    "judge, single runs": lambda: report_of(_sweep(1), REAL, overrides=None),
}


WITHOUT = ("judge", "judge, single runs", "largest screen", "too wide to settle")


@pytest.mark.parametrize("kind", REPORTS)
def test_every_decision_has_a_command_that_is_accepted_or_says_why_none(kind: str) -> None:
    """A row without either leaves its reader with a verdict and nothing to do about it."""
    report = REPORTS[kind]()
    groups = groups_of(report)
    decisions = [decision for group in groups for decision in group.decisions]
    assert len(decisions) == 4
    for decision in decisions:
        assert len(decision.why.split()) >= (1 if decision.command else 4), decision.row.name
    found = [decision for decision in decisions if decision.command]
    assert bool(found) == (kind not in WITHOUT)
    for command in {d.command for d in found if d.command != report.reproduce.get(d.row.name)}:
        _accept(command)
    page = html.unescape(re.sub(r"</?span[^>]*>", "", write_report(report, "html")))
    for group in groups:
        for decision in group.decisions:
            assert decision.why[1:] in page  # which goes on in small letters behind "These 3: "
            assert decision.command in page


def _accept(command: str) -> None:
    """Read a command as `run` does, up to what it would train."""
    read = parse_command(command)
    assert read.command.name == "run"
    plain, request = split_request(read.params["overrides"])
    names = {trick.name for trick in REAL.tricks} | {*trial_names(REAL)}
    assert {*request.only} <= names
    with hydra_session() as hydra:
        checked = check_overrides(hydra.config_loader, plain)
    read_design(checked.config, request)


@pytest.mark.parametrize("result", ["digits", "digits_screen"])
def test_commands_of_committed_results_are_accepted_as_they_stand(result: str, repo: Path) -> None:
    """A page of before had commands of 414 characters, every choice of them quoted twice."""
    content = json.loads((repo / f"docs/results/{result}/report.json").read_text())
    commands = [row["reproduce"] for row in content["rows"]] + [
        s["command"] for s in content["next_steps"]
    ]
    commands = [command for command in commands if command]
    assert commands
    for command in commands:
        read = parse_command(command)
        assert shell_line(shlex.split(command)) == command
        assert len(command) < 400
        assert not [o for o in read.params["overrides"] if "'" in o]


def test_commands_of_the_recipe_found_on_a_gpu_are_accepted(repo: Path) -> None:
    """It is not trained again for its page, whose commands are those of its day."""
    folder = repo / "docs" / "results" / "cifar10_optimize"
    text = "".join((folder / f"{name}.md").read_text() for name in ("optimize", "report"))
    commands = re.findall(
        r"^darkmagic .*$|(?<=`)darkmagic [^`]*|(?<=asked for: ).*$", text, re.MULTILINE
    )
    assert len(commands) == 3
    with hydra_session() as hydra:
        for command in commands:
            words = parse_command(command.replace("\\_", "_")).params["overrides"]
            check_overrides(hydra.config_loader, split_request(words)[0])


def test_page_of_the_recipe_found_on_a_gpu_is_as_pages_are_today(repo: Path) -> None:
    """`docs/results/story.py` writes it from its Markdown."""
    folder = repo / "docs" / "results" / "cifar10_optimize"
    read_story = runpy.run_path(str(folder.parent / "story.py"))["read_story"]
    title, sections = read_story((folder / "optimize.md").read_text())
    assert story_markdown(title, sections) == (folder / "optimize.md").read_text()
    assert story_html(title, sections) == (folder / "optimize.html").read_text()
