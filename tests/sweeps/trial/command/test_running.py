"""One trial of a command while it runs: what its folder tells, and what the script is given."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from darkmagic.sweeps.trial.command.node import effective
from darkmagic.sweeps.trial.command.run import run_command_trial
from machines import until

SCRIPT = """
import os, sys, time
print("loading the images", flush=True)
time.sleep(1.2)
print("METRIC val_acc=0.5 epoch=1", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
print(f"METRIC val_acc=0.{os.environ['OWN']} epoch=2", os.environ["OF_OPTION"])
"""


def _resolved(*words: str, **node: Any) -> dict[str, Any]:
    trainer = {"name": "mine", "command": [sys.executable, *words], "metric": "val_acc", **node}
    return {
        "seed": 7,
        "runtime": {"device": "cpu"},
        "trainer": OmegaConf.to_container(OmegaConf.create(effective(trainer))),
    }


def test_lines_and_epochs_are_told_while_the_script_runs(tmp_path: Path) -> None:
    """Its newest line, and each step of its metric; `env` of the command and of an option count."""
    script, go_on = tmp_path / "train.py", tmp_path / "go"
    script.write_text(SCRIPT)
    amp = {"off": {"env": {"OF_OPTION": "no"}}, "on": {"env": {"OF_OPTION": "s{seed}"}}}
    resolved = _resolved(
        str(script), str(go_on), env={"OWN": 9}, tricks={"amp": amp}, chosen=["amp=on"]
    )
    directory, ended = tmp_path / "trial", {}
    directory.mkdir()

    def train() -> None:
        ended.update(run_command_trial(resolved, directory))

    def events() -> list[dict[str, Any]]:
        path = directory / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    thread = threading.Thread(target=train)
    thread.start()
    try:
        until(lambda: [event for event in events() if event["type"] == "epoch"], 30)
        told = events()
        assert not ended
        assert next(e["text"] for e in told if e["type"] == "line") == "loading the images"
        assert [(e["epoch"], e["value"]) for e in told if e["type"] == "epoch"] == [(1, 0.5)]
        assert abs(told[-1]["time"] - time.time()) < 60
    finally:
        go_on.touch()
        thread.join(60)
    assert (ended["status"], ended["value"]) == ("finished", 0.9)
    assert "s7" in (directory / "log.txt").read_text()
