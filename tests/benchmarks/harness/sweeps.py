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
from harness.peers import FOLDER

__all__ = ["run", "swept"]


@contextmanager
def swept(
    words: Sequence[str], cache: Path, *, shown: bool = False
) -> Iterator[tuple[list[Path], float]]:
    """Run `darkmagic checklist run` with `words`; give its trials' folders and its wall seconds.

    Its progress is `shown` on stderr where the run may take hours.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "darkmagic.cli", "checklist", "run", "--skip-preflight"]
        began = time.perf_counter()
        run([*command, *words], Path(folder), cache, shown=shown)
        wall = time.perf_counter() - began
        yield [path.parent for path in Path(folder).glob("runs/*/*/result.json")], wall


def run(command: Sequence[str], folder: Path, cache: Path, *, shown: bool = False) -> None:
    """Run `command` in `folder`, with the project and its benchmarks to import.

    `cache` is for what it keeps; what it says is `shown` on stderr, or else with an error only.
    """
    home = Path(next(iter(darkmagic.trainers.__path__))).parents[1]
    path = os.pathsep.join(filter(None, [str(home), str(FOLDER), os.getenv("PYTHONPATH")]))
    env = {**os.environ, "DARKMAGIC_CACHE": str(cache), "PYTHONPATH": path}
    to = {"stdout": sys.stderr} if shown else {"capture_output": True}
    done = subprocess.run(command, cwd=folder, env=env, text=True, check=False, **to)
    if done.returncode:
        stderr = done.stderr or ""
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{stderr}")
