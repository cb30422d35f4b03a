"""A whole sweep as a user runs it, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import darkmagic.trainers

__all__ = ["run_quietly", "swept"]


@contextmanager
def swept(words: Sequence[str], cache: Path) -> Iterator[tuple[list[Path], float]]:
    """Run `darkmagic checklist run` with `words`; give its trials' folders and its wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "darkmagic.cli", "checklist", "run", "--skip-preflight"]
        began = time.perf_counter()
        run_quietly([*command, *words], Path(folder), cache)
        wall = time.perf_counter() - began
        yield [path.parent for path in Path(folder).glob("runs/*/*/result.json")], wall


def run_quietly(command: Sequence[str], folder: Path, cache: Path) -> None:
    """Run `command` in `folder`, with this project to import and `cache` for what it keeps."""
    home = Path(next(iter(darkmagic.trainers.__path__))).parents[1]
    env = {**os.environ, "DARKMAGIC_CACHE": str(cache), "PYTHONPATH": str(home)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
