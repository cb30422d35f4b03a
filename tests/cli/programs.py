"""An environment with the programs of others that tutorials and ready-made trainers run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["make_programs"]

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
