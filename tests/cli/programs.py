"""An environment with the programs of others that tutorials and ready-made trainers run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from commanding import start_command

__all__ = ["checklist", "make_programs", "sweep"]

OURS = Path(sys.executable).parent
PACKAGES = ["scikit-learn", "timm", "lightning", "jsonargparse[signatures]"]


def make_programs(
    folder: Path, packages: Sequence[str] = PACKAGES, given: str = "DARKMAGIC_TEST_ENV"
) -> Path:
    """Install `packages` into `folder` and return where their programs are.

    That takes seconds where uv has the packages already. The variable `given` names an environment
    that has them, and is taken instead.
    """
    if own := os.environ.get(given):
        return Path(own) / "bin"
    subprocess.run(["uv", "venv", "--quiet", str(folder)], check=True)
    python = ["--python", str(folder / "bin" / "python")]
    subprocess.run(["uv", "pip", "install", "--quiet", *python, *packages], check=True)
    return folder / "bin"


def checklist(**tricks: Sequence[str]) -> str:
    rows = [
        f"{{name: {name}, section: s, options: [{', '.join(map(repr, options))}]}}"
        for name, options in tricks.items()
    ]
    return f"checklist.tricks=[{', '.join(rows)}]"


def sweep(folder: Path, first: Path, *words: str, **env: str) -> dict[str, float]:
    """Run a sweep in `folder` with the programs of `first`; return each row's value."""
    path = f"{first}:{OURS}:{os.environ['PATH']}"
    own = ["seeds=1", "baseline_repeats=1", "-n", "mine", "runtime.preflight_seconds=300"]
    command = [str(OURS / "darkmagic"), "checklist", "run", *words, *own]
    done = subprocess.run(
        [*command, "hydra.launcher.devices=cpu", "--out", str(folder / "runs")],
        cwd=folder,
        env={**os.environ, "DARKMAGIC_CACHE": str(folder / "cache"), "PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = start_command("report", "mine", "--format", "json", "-o", "runs", folder=folder)
    rows = json.loads(report.stdout)["rows"]
    assert not [row for row in rows if row["reason"]], rows
    return {row["trial"]: row["value"] for row in rows}
