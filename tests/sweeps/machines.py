"""Machines of the tests: workers in processes of their own, and what trials left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["APP", "FOUR", "TWO", "Found", "read_trials", "start_worker", "until"]

APP = """
import os, sys, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(config):
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / f"began.{os.getpid()}").touch()
    time.sleep(0.5)
    (folder / "modules").write_text(f"torch: {'torch' in sys.modules}")
    (folder / "answer").write_text(str(config.x ** 2))
    return config.x

main()
"""
"""A Hydra application of somebody else's."""

FOUR = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, sgd_momentum]},"
    "{name: lr_regime, section: s, options: [cosine_power_cycles, cosine, gamma_decay]}]"
)
"""A checklist of four lines, with seeds=4 sixteen trials."""

TWO = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
"""A checklist of two lines."""

Found = TypeVar("Found")


def until(found: Callable[[], Found], seconds: float = 120) -> Found:
    """Wait until `found` gives something, and return that."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return value


def start_worker(folder: Path, *options: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a worker, of this machine's CPU; `prefix` are words that run the command."""
    words = ["worker", "--out", str(folder), "--devices", "cpu", *options]
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "darkmagic.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


TIMES = ("seconds", "memory", "per_second", "time", "digest")
"""In the names of figures that no two runs have alike."""


def read_trials(folder: Path) -> dict[str, dict[str, Any]]:
    """Return, by trial's folder, its result and the epochs of its log without what is of time."""
    found = {}
    for path in sorted(folder.glob("*/result.json")):
        result = json.loads(path.read_text())
        log = path.parent / "events.jsonl"  # which a trial that never began has not
        lines = log.read_text().splitlines() if log.exists() else []
        events = [json.loads(line) for line in lines]
        found[path.parent.name] = {
            "result": _untimed(result) | {"reason": ""},
            "epochs": [_untimed(event) for event in events if event["type"] == "epoch"],
            "starts": sum(event["type"] == "start" for event in events),
        }
    return found


def _untimed(content: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in content.items() if not any(word in k for word in TIMES)}
