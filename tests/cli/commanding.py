"""Commands in real processes, and the little they are tried on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["FIVE", "TINY", "command", "run_command"]

TINY = ["dataset=tiny", "hydra.launcher.devices=cpu", "runtime.device=cpu"]
FIVE = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, sgd_momentum, adam]},"
    "{name: lr_regime, section: s, options: [cosine_power_cycles, cosine, gamma_decay]}]"
)
"""A checklist of the baseline and four trials."""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "darkmagic.cli", *arguments]


def run_command(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
