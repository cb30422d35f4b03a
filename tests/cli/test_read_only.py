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
def test_output_and_exit_code_are_kept(
    code: object, debug: bool, printed: str, status: int, tmp_path: Path
) -> None:
    """Only what Python would tidy up is left out."""
    words = [sys.executable, "-c", ENDS.format(code=code, debug=debug)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (printed, status)


def test_a_reader_may_leave_early(tmp_path: Path) -> None:
    """As `head` does: no traceback."""
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


def test_garbage_is_collected_again_afterwards() -> None:
    """Whoever looks from a longer process goes on as before."""
    assert gc.isenabled()
    with read_only():
        assert not gc.isenabled()
    assert gc.isenabled()
