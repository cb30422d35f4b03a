"""Peers in throw-away environments, each a process that answers one call at a time.

A peer's script defines functions of keyword arguments that return JSON, and ends with
`serve(...)` of `harness.serving`, which is the standard library alone. It stays up between calls,
so that its imports are paid once and its turns can be taken in between ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

__all__ = ["Peer", "environment", "find_python"]

FOLDER = Path(__file__).resolve().parents[1]


def environment(packages: Sequence[str], *, beside_ours: bool = False) -> Path:
    """Return the Python of an environment that has `packages`, made if it is not there.

    It lies in the temporary folder, by what it holds, and is never this project's own.
    `beside_ours` lets it see this project's packages behind its own: both sides of a comparison
    then run one build of torch, and no second one is downloaded.
    """
    ours = sysconfig.get_path("purelib") if beside_ours else ""
    name = hashlib.sha256("\n".join([*sorted(packages), ours]).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / "darkmagic-peers" / name
    done = folder / "installed"
    python = folder / "bin" / "python"
    if not done.exists():
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", here, folder], check=True)
        subprocess.run(
            ["uv", "pip", "install", "--quiet", "--python", python, *packages], check=True
        )
        if ours:
            theirs = folder / "lib" / f"python{here}" / "site-packages"
            (theirs / "ours.pth").write_text(f"{ours}\n")
        done.touch()
    return python


def find_python(module: str, packages: Sequence[str], *, beside_ours: bool = False) -> str | None:
    """Return a Python that can import `module`: this one, or that of an `environment` for it.

    None where the module is not here, and nothing is here to install it with.
    """
    if importlib.util.find_spec(module) is not None:
        return sys.executable
    if shutil.which("uv") is None:
        return None
    try:
        return str(environment(packages, beside_ours=beside_ours))
    except subprocess.CalledProcessError:  # no index, which uv has said
        return None


class Peer:
    """`script` of `tests/benchmarks/peers`, running under `python`. Use as a context."""

    def __init__(self, script: str, python: Path | str = sys.executable, **env: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(FOLDER / "peers" / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(FOLDER), **env},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what it did not live to read
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """Return what `function` of the script returned. Raises `RuntimeError` with its error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it ended, as no line of it will show
            print(json.dumps([function, arguments]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{function} ended its process, code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]
