"""Commands that are printed start where the user is, however this one was started."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text
from typer.main import get_command

from darkmagic.cli import own_command
from darkmagic.cli.console import SafeConsole
from darkmagic.cli.main import app
from darkmagic.cli.own_command import COMMANDS, pasteable

BIN = Path(sys.executable).parent
UV = str(shutil.which("uv"))
WITHOUT = os.pathsep.join(
    each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "darkmagic").exists()
)
"""PATH of a shell without an active environment."""


def _shell(line: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(BIN.parent)}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("typed", "printed", "path"),
    [
        ("darkmagic", "darkmagic", f"{BIN}{os.pathsep}{WITHOUT}"),
        (f"{BIN}/python -m darkmagic", "darkmagic", f"{BIN}{os.pathsep}{WITHOUT}"),
        (f"{BIN}/python -m darkmagic.cli", f"{BIN}/python -m darkmagic", WITHOUT),
        ("'my bin/darkmagic'", "'my bin/darkmagic'", WITHOUT),
        (f"{UV} run --no-project darkmagic", "uv run --no-project darkmagic", WITHOUT),
        # A shell that uv started finds the command itself.
        (f"{UV} run --no-project bash -c 'darkmagic report; :' #", "darkmagic", WITHOUT),
    ],
    ids=["path", "python", "module", "script", "uv", "uv bash"],
)
def test_printed_command_starts_where_this_one_did(
    typed: str, printed: str, path: str, tmp_path: Path
) -> None:
    """It is pasted into the same shell, and does what it says."""
    (tmp_path / "my bin").symlink_to(BIN)
    shown = _shell(f"{typed} report", tmp_path, path)
    found = re.search(r"start a sweep: (.*) checklist run$", shown.stderr, re.MULTILINE)
    assert found is not None, shown.stderr
    assert found[1] == printed
    if "#" in typed:  # it is pasted into the shell that uv started
        path = f"{BIN}{os.pathsep}{path}"
    help_of_it = _shell(f"{found[1]} checklist run --help", tmp_path, path)
    assert help_of_it.returncode == 0, help_of_it.stderr
    assert f"Usage: {printed} checklist run" in " ".join(help_of_it.stdout.split())


def test_errors_and_usage_name_the_command_as_it_was_started(tmp_path: Path) -> None:
    """Of an error of ours, and of an option that Typer refuses."""
    own = f"{BIN}/darkmagic"
    ours = _shell(f"{own} report", tmp_path, WITHOUT)
    assert (ours.returncode, ours.stdout) == (2, "")
    assert ours.stderr.endswith(f"start a sweep: {own} checklist run\n")
    typers = _shell(f"{own} report --fromat md", tmp_path, WITHOUT)
    assert typers.returncode == 2
    assert f"Try '{own} report --help'" in typers.stderr


@pytest.mark.parametrize(
    ("words", "arguments", "before"),
    [
        ("/opt/uv run darkmagic report", ["report"], "uv run"),
        ("uv run --directory darkmagic darkmagic", [], "uv run --directory darkmagic"),
        ("uv run --with 'a b' darkmagic ui -n x", ["ui", "-n", "x"], "uv run --with 'a b'"),
        ("uv run python -m darkmagic tune ''", ["tune", ""], "uv run python -m"),
        ("uv tool uvx --from x darkmagic init", ["init"], "uv tool uvx --from x"),
        ("uvx --from ./darkmagic darkmagic init", ["init"], "uvx --from ./darkmagic"),
        ("uv run sweep.sh", ["report"], "uv run"),
        ("bash sweep.sh", ["report"], None),
        ("pytest darkmagic", [], None),
        ("", ["report"], None),
    ],
)
def test_words_of_uv_before_the_program_are_kept(
    words: str,
    arguments: list[str],
    before: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its options too, which name the environment that the command is in."""
    for name in ("uv", "uvx"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = own_command._before(shlex.split(words), arguments)
    assert found == (None if before is None else shlex.split(before))


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process started by its path."""
    monkeypatch.setattr(sys, "argv", [".venv/bin/darkmagic", "report"])
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("longer")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("To go on: darkmagic report", "To go on: .venv/bin/darkmagic report"),
        ("darkmagic --debug shows", ".venv/bin/darkmagic --debug shows"),
        ("all runs: mlflow ui --port 1", "all runs: .venv/bin/mlflow ui --port 1"),
        ("a trial would; darkmagic train shows", "a trial would; .venv/bin/darkmagic train shows"),
        *((same, same) for same in ("This is a bug of darkmagic's", "in mlflow.db, of MLflow")),
        *((same, same) for same in ("src/darkmagic report", "my-darkmagic tune", "darkmagic")),
        *((same, same) for same in ("run darkmagic in WSL 2", "darkmagic reports", "mlflow runs")),
    ],
)
def test_only_commands_are_changed(text: str, shown: str) -> None:
    """Not the project's name, nor another program's."""
    assert pasteable(text) == shown


@pytest.mark.usefixtures("longer")
def test_console_changes_commands_before_it_lays_them_out() -> None:
    """So that a note is wrapped where it should be, and each style stays with its words."""
    console = SafeConsole(file=StringIO(), width=40, force_terminal=True, color_system="standard")
    text = Text("first: darkmagic tricks mixup, then darkmagic ui --open")
    text.stylize("bold", 0, 5)
    text.stylize("red", 7, 29)  # the first command
    table = Table.grid()
    table.add_row("darkmagic report")
    with console.capture() as captured:
        console.print(text)
        console.print(table)
        console.print("darkmagic report", soft_wrap=True)
    lines = captured.get().splitlines()
    assert lines == [
        "\x1b[1mfirst\x1b[0m: \x1b[31m.venv/bin/darkmagic tricks mixup\x1b[0m,",
        "then .venv/bin/darkmagic ui --open",
        ".venv/bin/darkmagic report",
        ".venv/bin/darkmagic report",
    ]


@pytest.mark.parametrize("form", ["python -m darkmagic", "uv run darkmagic", "a/b darkmagic"])
def test_a_command_that_has_passed_before_stays(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a string, which the console makes a text of, and of one that was already right."""
    words = shlex.split(form)
    monkeypatch.setattr(own_command, "own_command", lambda name: shlex.join([*words[:-1], name]))
    once = pasteable("first: darkmagic ui, darkmagic report; mlflow ui")
    mlflow = form.replace("darkmagic", "mlflow")
    assert once == f"first: {form} ui, {form} report; {mlflow} ui"
    assert pasteable(once) == once
    console = SafeConsole(file=StringIO(), width=200)
    table = Table.grid()
    table.add_row("darkmagic report")
    table.add_row(Text("darkmagic report"))
    with console.capture() as captured:
        console.print("go on:", "darkmagic report")
        console.print(table)
    assert captured.get().splitlines() == [f"go on: {form} report", *[f"{form} report"] * 2]


def test_every_command_is_known() -> None:
    """One that is added is told from the project's name."""
    assert sorted(get_command(app).commands) == sorted(COMMANDS)  # type: ignore[attr-defined]
