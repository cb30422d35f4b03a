"""Training scripts that misbehave: each is one clear row, nothing hangs, no process is left."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from commanding import run_command

# The fixture waits for scripts that hang, and longer on a machine that does much else.
pytestmark = [pytest.mark.weekly, pytest.mark.timeout(900)]
SCRIPT = Path(__file__).parent / "bad_command.py"
MARK = "left-by-the-test-of-bad-commands"
ROWS = {
    "no_metric": "NoMetric: val_acc never came; it gave train_loss",
    "nothing": r"NoMetric: val_acc never came: it exited with 0 after [\d.]+ s and printed nothing",
    "nan": r"val_acc is nan at step 2 \(METRIC lines of its output\)",
    "hang": r"TimedOut: it ran for \d+ s, its limit, and was ended; its last line: waiting for",
    "crash": "SIGSEGV: a signal ended it",
    "raise": "ExitCode 1: ValueError: the images are gone",
    "kill_group": "SIGTERM: a signal ended it",
    "read_input": "ExitCode 1: EOFError",
    "other_case": "NoMetric: val_acc never came; it gave Val_Acc [(]did you mean that[?][)]",
    "infinite": r"val_acc is inf at step 1 \(METRIC lines of its output\)",
    "headless": "val_acc never came: no number in log.csv, whose first line has no names",
    "terminate": "SIGTERM: a signal ended it",
    "daemon": r"val_acc never came: no number in its output .*\(its last line: in the back",
    "last_words": "ExitCode 3: ValueError: the images are gone",
    "folder_as_file": "NoMetric: val_acc never came: no number in its output or",
    "stall": r"^no progress for \d+ s \(hydra.launcher.stall_seconds=N allows N s\); "
    "its last line: epoch 2 of 3",
    "freeze": r"^no progress for \d+ s .*; its last line: epoch 2 of 3",
    "freeze_in_c": r"^no progress for \d+ s .*; its last line: epoch 2 of 3",
    "abort": r"^SIGABRT: a signal ended it in _abort \(.*bad_command.py, line \d+\); "
    "its last line: epoch 1$",
}
"""By a script's way of failing: what its row says."""
WORKS = (
    "fork",
    "flood",
    "one_line",
    "bytes",
    "delete",
    "delete_all",
    "close_output",
    "twice",
    "stderr",
)
"""Ways of a script that do no harm: it has a metric all the same."""


def _processes(mark: str) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in (text := path.read_bytes()):
                yield text.decode(errors="replace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run one comparison of all bad scripts with a good one; return its folder."""
    folder = tmp_path_factory.mktemp("bad")
    changes = [f"{way}=--how {way} --mark {MARK}" for way in (*ROWS, *WORKS)]
    words = [word for change in changes for word in ("--change", change)]
    settings = [
        "--metric",
        "val_acc",
        "--seeds",
        "1",
        "--timeout",
        "12",
        "--parallel",
        "9",
        "--check",
        "",
        "--set",
        "hydra.launcher.stall_seconds=7",
    ]
    arguments = ["compare", *settings, *words, "--", "python", str(SCRIPT)]
    done = run_command(*arguments, folder=folder)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (folder / "printed").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, dict[str, object]]:
    content = json.loads((folder / "runs/compare-bad_command/report.json").read_text())
    return {row["trial"].removesuffix("=on"): row for row in content["rows"]}


@pytest.mark.parametrize("way", ROWS)
def test_bad_script_is_one_row_that_says_why(
    rows: dict[str, dict[str, object]], folder: Path, way: str
) -> None:
    """The row of a script that fails says in one line how it failed."""
    reason = str(rows[way]["reason"])
    assert re.search(ROWS[way], reason), reason
    assert "\n" not in reason
    assert rows[way]["runs"] in ({"failed": 1}, {"diverged": 1})
    assert f"{way}=on" in (folder / "printed").read_text()


@pytest.mark.parametrize("way", WORKS)
def test_script_with_bad_manners_has_its_result(
    rows: dict[str, dict[str, object]], way: str
) -> None:
    """A script that floods, forks or deletes its folder, and gives its metric, has a result."""
    assert rows[way]["runs"] == {"finished": 1}, rows[way]["reason"]


@pytest.mark.usefixtures("folder")
def test_no_process_of_a_script_is_left() -> None:
    """What scripts leave behind, also in sessions of their own, is ended with them."""
    assert not list(_processes(MARK))
    assert not list(_processes(str(SCRIPT)))


def test_output_is_kept_up_to_a_size(folder: Path) -> None:
    """The log of a script that prints 40 MB has its beginning and its end, and says so."""
    (log,) = (folder / "runs/compare-bad_command").glob("flood-on-*/log.txt")
    assert log.stat().st_size < 12e6
    content = log.read_bytes()
    assert b"bytes of output are left out" in content
    assert content.rstrip().endswith(b"METRIC val_acc=0.9")


def test_log_of_a_silent_command_has_what_ran_and_where_it_stood(folder: Path) -> None:
    """Each process with its state, and the stack of a script that has faulthandler write it."""
    (log,) = (folder / "runs/compare-bad_command").glob("stall-on-*/log.txt")
    text = log.read_text()
    told = [line for line in text.splitlines() if line.startswith("no progress: process")]
    assert len(told) == 2
    assert f"{SCRIPT} --how stall" in told[0]
    assert "sleeps" in told[0]
    assert "a loader" in told[1]
    assert re.search(r'bad_command.py", line \d+ in _stall', text)


@pytest.mark.parametrize("way", ["freeze", "freeze_in_c", "hang"])
def test_script_without_a_word_of_faulthandler_shows_where_it_stood(folder: Path, way: str) -> None:
    """Its log has the line, also where it handles SIGTERM and C never lets it."""
    (log,) = (folder / "runs/compare-bad_command").glob(f"{way}-on-*/log.txt")
    assert re.search(rf'bad_command.py", line \d+ in _{way}$', log.read_text(), re.MULTILINE)


def test_silent_command_that_writes_files_is_alive(tmp_path: Path) -> None:
    """It prints nothing for twice as long as it may, and finishes."""
    settings = ["--metric", "val_acc", "--seeds", "1", "--check", ""]
    settings += ["--set", "hydra.launcher.stall_seconds=4", "--change", "again=--how quiet"]
    words = ["--", "python", str(SCRIPT), "--how", "quiet", "--mark", "4"]
    done = run_command("compare", *settings, *words, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
