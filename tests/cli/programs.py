"""An environment with the programs of others that tutorials and ready-made trainers run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["make_programs"]

PACKAGES = ["scikit-learn", "timm", "lightning", "jsonargparse[signatures]"]


def make_programs(folder: Path) -> Path:
    """Install the packages into `folder` and return where their programs are.

    That takes seconds where uv has the packages already. `DARKMAGIC_TEST_ENV` is an environment
    that has them, and is taken instead.
    """
    if given := os.environ.get("DARKMAGIC_TEST_ENV"):
        return Path(given) / "bin"
    subprocess.run(["uv", "venv", "--quiet", str(folder)], check=True)
    python = ["--python", str(folder / "bin" / "python")]
    subprocess.run(["uv", "pip", "install", "--quiet", *python, *PACKAGES], check=True)
    return folder / "bin"
