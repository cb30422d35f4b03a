"""A script that was changed after it had trained is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.sweeps.trial.command.script import SCRIPT, changed_script, script_digest


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("python", "train.py", "--lr", "0.1"), ("train.py",)),
        (("bash", "run.sh"), ("run.sh",)),
        (("accelerate", "launch", "train.py"), ("train.py",)),
        (("bash", "run.sh", "train.py"), ("run.sh", "train.py")),
        (("python", "-m", "package.train"), ()),
        (("train", "missing.py", "data.csv"), ()),
    ],
)
def test_every_script_of_a_command_counts(
    words: tuple[str, ...],
    named: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A change of any program among the words is said, and of nothing else."""
    monkeypatch.chdir(tmp_path)
    for name in ("train.py", "run.sh", "data.csv"):
        Path(name).write_text("1\n")
    results = [{SCRIPT: script_digest(words)}, {}, {"status": "failed"}]
    assert bool(results[0][SCRIPT]) == bool(named)
    assert changed_script(words, results, "mine") == ""
    for name in ("train.py", "run.sh", "data.csv"):
        Path(name).write_text("2\n")
        message = changed_script(words, results, "mine")
        assert bool(message) == (name in named)
        if message:
            assert ", ".join(named) in message
            assert "1 finished run was made" in message
            assert "-n mine-2" in message
        Path(name).write_text("1\n")
