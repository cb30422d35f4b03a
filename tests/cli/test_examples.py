"""Comparisons as the page and its examples have them: each command of an example's docstring runs.

Weekly, as each trains.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from commanding import run_command

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(900)]
EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.py"))
SCRIPT = """
import sys, time
if "--slow" in sys.argv:
    time.sleep(0.5)
if "--hang" in sys.argv:
    print("waiting for the others", flush=True)
    time.sleep(600)
print("trained")
"""


def _rows(folder: Path) -> dict[str, dict[str, object]]:
    (path,) = folder.glob("runs/*/report.json")
    return {row["trial"]: row for row in json.loads(path.read_text())["rows"]}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_command_of_an_example_compares(path: Path, tmp_path: Path) -> None:
    """As it is written, in a folder with the example: each row has runs, and no reason."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    words = shlex.split(doc[doc.index("darkmagic compare") :])
    shutil.copy(path, tmp_path)
    done = run_command(*words[1:2], "--seeds", "2", *words[2:], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = _rows(tmp_path)
    changes = re.findall(r'--change "(\w+)=', doc)
    assert set(rows) == {"baseline", *(f"{name}=on" for name in changes)}
    assert all(row["runs"] == {"finished": 2} for name, row in rows.items() if name != "baseline")


def test_seconds_are_of_whole_runs(tmp_path: Path) -> None:
    """`--metric seconds` needs nothing of the script, and no note speaks of epochs or images."""
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ["--metric", "seconds", "--change", "slow=--slow", "--seeds", "3", "--check", ""]
    done = run_command("compare", *words, "--", "python", "train.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "Differences are in seconds of a whole run, one trick" in text
    assert "lower is better. They hold for this machine" in text
    assert "last epoch" not in text
    assert _rows(tmp_path)["slow=on"]["verdict"] == "worse"


def test_script_that_hangs_without_a_limit_is_ended(tmp_path: Path) -> None:
    """After `stall_seconds` without a line, an hour if nothing is said."""
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ["--metric", "seconds", "--change", "hang=--hang", "--seeds", "1", "--check", ""]
    words += ["--set", "hydra.launcher.stall_seconds=4"]
    done = run_command("compare", *words, "--", "python", "train.py", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    row = _rows(tmp_path)["hang=on"]
    assert row["runs"] == {"failed": 1}
    assert str(row["reason"]).startswith("no progress for ")
