"""Commands that only look: they end at once, with all that they had to say."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from commanding import command
from darkmagic.cli.read_only import read_only

ENDS = """
import atexit, sys
from darkmagic.cli.errors import Settings
from darkmagic.cli.read_only import exit_fast, read_only

def command():
    with read_only():
        print("said")
    sys.exit({code!r})

Settings.debug = {debug}
atexit.register(print, "tidied")
exit_fast(command)
"""


@pytest.mark.parametrize(
    ("code", "debug", "printed", "status"),
    [
        (0, False, "said\n", 0),
        (None, False, "said\n", 0),
        (2, False, "said\n", 2),
        (0, True, "said\ntidied\n", 0),
        ("a message", False, "said\ntidied\n", 1),
    ],
)
def test_fast_exit_keeps_output_and_exit_code(
    code: object, debug: bool, printed: str, status: int, tmp_path: Path
) -> None:
    """A read-only command ends without tidying up, with its output and its exit code."""
    arguments = [sys.executable, "-c", ENDS.format(code=code, debug=debug)]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (printed, status)


def test_closed_pipe_gives_no_traceback(tmp_path: Path) -> None:
    """A reader that closes the pipe early, as `head` does, sees no traceback."""
    with subprocess.Popen(
        command("checklist", "list"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_garbage_collector_is_on_again_after_the_block() -> None:
    """A longer process that runs a read-only command collects garbage again after it."""
    assert gc.isenabled()
    with read_only():
        assert not gc.isenabled()
    assert gc.isenabled()
