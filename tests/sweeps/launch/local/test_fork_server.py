"""What a child of the fork server imports of the process that asked for it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from darkmagic.sweeps.launch.local import fork_server


@pytest.mark.parametrize("way", ["python -m darkmagic.cli", "darkmagic"])
def test_child_of_our_command_does_not_import_the_command_line(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the two ways to start it is imported anew in each trial."""
    main = ModuleType("__main__")
    if way == "darkmagic":
        main.__file__ = str(Path(sys.executable).with_name("darkmagic"))
    else:
        main.__spec__ = importlib.util.find_spec("darkmagic.cli.__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    job = fork_server.start(lambda: "darkmagic.cli.main" in sys.modules, env={})
    assert job.result() is False
    assert job.exit_code() == 0
    assert sys.modules["__main__"] is main


def test_child_of_a_script_does_not_run_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that trains without a guard would train in each child again."""
    script = tmp_path / "mine.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    job = fork_server.start(lambda: 3, env={})
    assert job.result() == 3
    assert not (tmp_path / "ran").exists()
