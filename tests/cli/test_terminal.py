"""The command line on a terminal: help by any road, commands that can be copied, plain colours."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.style import Style
from typer.testing import CliRunner

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.content import Report
from darkmagic.cli.console import SafeConsole
from darkmagic.cli.main import app
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.orchestrate.report import make_report
from darkmagic.sweeps.track.schema.tags import CHECKLIST, STORAGE_URL, SWEEP_OVERRIDES
from darkmagic.sweeps.track.snapshot import Snapshot
from darkmagic.text import shell_line
from records import SMALL, report_of, simulated

CLI = Path(__file__).parents[2] / "cli"


def _commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield names
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands(each, (*names, name))


COMMANDS = sorted(_commands(typer.main.get_command(app)))


def _run(*words: str) -> Any:
    """Run a command in this process, on a terminal of 80 columns that has colours."""
    environment = {"COLUMNS": "80", "TERM": "xterm-256color", "FORCE_COLOR": "1"}
    return CliRunner().invoke(app, words, env=environment, prog_name="darkmagic")


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_is_the_same_by_word_and_by_option(names: tuple[str, ...]) -> None:
    """`darkmagic help X` says what `darkmagic X --help` says, whole, in 80 columns, uncoloured."""
    asked = _run(*names, "--help").stdout
    word = _run("help", *names)
    assert (word.exit_code, word.stdout) == (0, asked)
    lines = asked.splitlines()
    assert lines[0].startswith(f"Usage: darkmagic {' '.join(names)}".rstrip())
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in asked
    summaries = lines[lines.index("Commands:") + 1 :] if "Commands:" in lines else []
    assert not any(line.endswith("...") for line in summaries), "one is cut off"


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example_that_can_be_copied(names: tuple[str, ...]) -> None:
    """The example of a command is one line, and is about that command or one within it."""
    *_, last = _run(*names, "--help").stdout.splitlines()
    assert last.startswith("  Example: darkmagic ")
    words = tuple(shlex.split(last.partition("Example: ")[2])[1:])
    assert words[: len(names)] == names
    assert any(words[:count] in COMMANDS for count in (1, 2))


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["help", "reprot"], "report"),
        (["help", "checklist", "rnu"], "run"),
        (["help", "chekclist"], "checklist"),
        (["hepl"], "help"),
    ],
)
def test_help_about_no_command_names_the_nearest(words: list[str], near: str) -> None:
    """A command that is not there is a line with the nearest one, and exit code 2."""
    done = _run(*words)
    assert done.exit_code == 2
    assert f"Did you mean '{near}'" in done.stderr


def test_package_is_a_program(tmp_path: Path) -> None:
    """`python -m darkmagic` is the command line."""
    words = [sys.executable, "-m", "darkmagic", "help", "report"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == _run("report", "--help").stdout.split()  # in whichever width


def _shown(report: Report, width: int, **environment: str) -> str:
    console = SafeConsole(
        width=width, file=io.StringIO(), force_terminal=True, _environ={**environment}
    )
    console.print(comparison_view(report, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


LONG = (
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    "dataset.source.path=/a folder/with spaces/and 'quotes'",
    "model=timm",
)


def _with_everything() -> Report:
    """Return a report with steps to take next, another sweep and a study in its experiment."""
    import json

    from darkmagic.checklist.model_json import to_json

    asked = json.dumps(list(LONG))
    return make_report(
        Snapshot(
            "mine",
            {CHECKLIST: to_json(SMALL), SWEEP_OVERRIDES: asked},
            tuple(simulated(SMALL, 3, {"mixup=on": 1.5})),
            {},
            other_sweeps=({SWEEP_OVERRIDES: asked},),
            studies=({SWEEP_OVERRIDES: asked, STORAGE_URL: "sqlite:////a/b.db"},),
        )
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160, 240])
def test_printed_commands_are_one_line_each(width: int) -> None:
    """However narrow the terminal is, each command stands on a line, and means what it should."""
    report = _with_everything()
    shown = [line.strip() for line in _plain(_shown(report, width, TERM="xterm")).splitlines()]
    expected = [command for _, command in report.advice.steps]
    assert expected
    expected += [shell_line(["darkmagic", "checklist", "run", *LONG])]
    expected += [shell_line(["darkmagic", "tune", *LONG]), "optuna-dashboard sqlite:////a/b.db"]
    for command in expected:
        assert command in shown
    prose = [line for line in shown if line not in expected]
    assert all(len(line) <= max(width, 80) for line in prose)


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)[;m]")


def test_no_color_leaves_no_colour_and_all_the_words() -> None:
    """NO_COLOR takes the colours off and nothing else; without it there are some."""
    report = report_of(simulated(SMALL, 3, {"lr=cosine": 1.5, "mixup=on": -2.0}))
    coloured = _shown(report, 80, TERM="xterm-256color")
    plain = _shown(report, 80, TERM="xterm-256color", NO_COLOR="1")
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    assert _plain(plain) == _plain(coloured)
    assert Verdict.BETTER in _plain(plain)


PALE = {"yellow", "white", "cyan"}
"""Of the eight colours of a terminal, those that few light themes show darker than paper."""


def _styles() -> Iterator[tuple[Path, Style, str]]:
    for path in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
                try:
                    found = Style.parse(node.value)
                except Exception:  # noqa: BLE001 (not a style but a text)
                    continue
                yield path, found, node.value


def test_colours_are_seen_on_paper_and_on_black() -> None:
    """No style is of a colour that a light background swallows, none sets a background."""
    found = [(path, style, text) for path, style, text in _styles() if style.color]
    assert len(found) > 5
    for path, style, text in found:
        assert style.color is not None
        assert style.color.name not in PALE, (path, text)
        assert not style.color.name.startswith(("bright", "black")), (path, text)
        assert style.bgcolor is None, (path, text)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_takes_long_says_so_in_a_file_too(terminal: bool) -> None:
    """A terminal has a spinner, which leaves no line; a file gets one line."""
    console = SafeConsole(file=io.StringIO(), width=80, force_terminal=terminal)
    with console.status("checking before training"):
        pass
    assert isinstance(console.file, io.StringIO)
    assert ("checking before training ...\n" in console.file.getvalue()) != terminal


def test_progress_whose_reader_has_gone_leaves_the_result_whole() -> None:
    """After `2> >(head)` the rest of a command runs, and its table is printed."""
    code = """
from darkmagic.cli.console import make_console
for _ in range(3):
    make_console(stderr=True).print("an epoch")
make_console().print("the table")
"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writer, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stdout) == (0, b"the table\n")
