"""Sweeps of the tests: the progress is recorded, and everything is under one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome

TINY = ["dataset=tiny", "model.build.width=16", "hydra.launcher.devices=cpu", "runtime.device=cpu"]


@dataclass
class Recorder:
    """A `Progress` that records its calls."""

    trials: list[tuple[str, int]] = field(default_factory=list)
    before: int = 0
    statuses: list[tuple[int, Status, str]] = field(default_factory=list)
    events: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_closed: bool = False

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        self.trials, self.before = list(trials), finished

    def status(self, index: int, status: Status, reason: str) -> None:
        self.statuses.append((index, status, reason))

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        self.events.append((index, event))

    def note(self, message: str) -> None:
        self.notes.append(message)

    def closed(self) -> None:
        self.is_closed = True


@dataclass
class Swept:
    """A sweep that has run: its folder, outcome and recorded progress."""

    folder: Path
    outcome: SweepOutcome
    progress: Recorder
    overrides: list[str]

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"


def run(
    folder: Path,
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    launcher: bool = True,
) -> Swept:
    """Run a sweep with everything of it under `folder`; with our own launcher's settings or not."""
    tiny = [word for word in TINY if launcher or not word.startswith("hydra.launcher.")]
    every = [*tiny, f"runtime.out='{folder}'", f"runtime.cache='{folder}/cache'", *overrides]
    progress = Recorder()
    before = Path.cwd()
    os.chdir(folder)
    try:
        outcome = api.run_checklist(every, progress, config_dirs)
        finish(outcome)
    finally:
        os.chdir(before)
    return Swept(folder, outcome, progress, every)


OWN = """
name: own
tricks:
  - {name: mixup, section: ours, options: ["off", "on"]}
  - {name: brighten, section: theirs, options: ["off", "on"]}
  - {name: misbehave, section: theirs, options: ["off", raise, exit, kill, diverge, not_applicable,
     inert]}
"""


def own_config(folder: Path) -> Path:
    """Make a user's folder of configuration, and their module beside it; return the former."""
    shutil.copy(Path(__file__).parent / "own_tricks.py", folder / "own_tricks.py")
    conf = folder / "conf"
    files = {"checklist/own": OWN}
    off = "_target_: darkmagic.trainers.trick.Trick"
    for trick in ("brighten", "misbehave"):
        files[f"trick/{trick}/off"] = f"# @package tricks.{trick}\n{off}\n"
    files["trick/brighten/on"] = (
        "# @package tricks.brighten\n_target_: own_tricks.Brighten\nby: 40\n"
    )
    for how in ("raise", "exit", "kill", "diverge", "not_applicable", "inert"):
        files[f"trick/misbehave/{how}"] = (
            f"# @package tricks.misbehave\n_target_: own_tricks.Misbehave\nhow: {how}\n"
        )
    for name, content in files.items():
        path = conf / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return conf
