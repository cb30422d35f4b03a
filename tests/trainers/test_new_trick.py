"""A trick is one file, one folder and one test file: nothing else lists tricks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from every_option import OPTIONS

NEGATIVE = '''"""negative: show every image as its negative.

What: subtracts each pixel from 255.
Why: a network should know a shape by its edges.
When it helps: drawings that are as often white on black as black on white.
Conflicts: none.
Source: planted by a test.
"""

from dataclasses import dataclass

from darkmagic.trainers.trick import Trick


@dataclass(frozen=True)
class Negative(Trick):
    """Show negatives."""

    def augment(self, images, rng):
        return 255 - images
'''
CARDLESS = NEGATIVE[NEGATIVE.index("from dataclasses") :].replace("Negative", "Cardless")


def _plant(source: Path, name: str, code: str) -> None:
    """Add a trick as CONTRIBUTING says: one file, and one folder with a file an option."""
    (source / "trainers" / "tricks" / f"{name}.py").write_text(code)
    folder = source / "sweeps" / "conf" / "trick" / name
    folder.mkdir()
    target = f"darkmagic.trainers.tricks.{name}.{name.capitalize()}"
    (folder / "on.yaml").write_text(f"# @package tricks.{name}\n_target_: {target}\n")


@pytest.mark.weekly
def test_planted_trick_is_contract_tested_with_no_other_edit(tmp_path: Path, repo: Path) -> None:
    """Its one option is trained, told from the baseline and asked for its card, which one lacks."""
    source = tmp_path / "source" / "darkmagic"
    for package in ("checklist", "trainers", "sweeps"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repo / package, source / package, ignore=leave)
    for path in (repo / "cli" / "package").glob("*.py*"):  # which is installed as `darkmagic`
        shutil.copy(path, source)
    _plant(source, "negative", NEGATIVE)
    _plant(source, "cardless", CARDLESS)
    tests = tmp_path / "tests" / "trainers"
    tests.mkdir(parents=True)
    for path in (repo / "tests" / "trainers").glob("*.py"):
        shutil.copy(path, tests)
    shutil.copy(repo / "pyproject.toml", tmp_path)
    words = ["-n", "0", "-v", "-p", "no:cacheprovider", "-k", "negative or cardless"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "tests/trainers/test_contract.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(source.parent), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("tests/")]
    outcomes = dict(line.partition("::")[2].split()[:2] for line in lines if "::" in line)
    passed = {
        "test_option_trains_two_steps[negative=on-cpu]",
        "test_option_does_something[negative=on]",
        "test_trick_has_a_card[negative]",
        "test_option_trains_two_steps[cardless=on-cpu]",
        "test_option_does_something[cardless=on]",
    }
    expected = dict.fromkeys(passed, "PASSED") | {"test_trick_has_a_card[cardless]": "FAILED"}
    assert outcomes == expected, done.stdout + done.stderr


def test_every_trick_has_a_folder_and_a_test_file(repo: Path) -> None:
    """Files, folders and tests of tricks are the same names."""
    tricks = {path.stem for path in (repo / "trainers" / "tricks").glob("[!_]*.py")}
    tests = {path.stem for path in (repo / "tests" / "trainers" / "tricks").glob("test_*.py")}
    assert tricks == {trick for trick, _ in OPTIONS}
    assert {f"test_{trick}" for trick in tricks} <= tests
