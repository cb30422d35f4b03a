"""Commands in real processes, and the little they are tried on."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from warm import WarmProcess

__all__ = ["FIVE", "TINY", "command", "run_command", "start_command"]

TINY = ["dataset=tiny", "hydra.launcher.devices=cpu", "runtime.device=cpu"]
FIVE = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, sgd_momentum, adam]},"
    "{name: lr_regime, section: s, options: [cosine_power_cycles, cosine, gamma_decay]}]"
)
"""A checklist of the baseline and four trials."""

_warm = WarmProcess()
atexit.register(_warm.close)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "darkmagic.cli", *arguments]


def run_command(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that has its imports already."""
    with tempfile.TemporaryDirectory() as output:
        code = _warm.run([*arguments], folder, {**os.environ, **env}, Path(output))
        stdout, stderr = ((Path(output) / name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(command(*arguments), code, stdout, stderr)


def start_command(*arguments: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, start-up and all."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
