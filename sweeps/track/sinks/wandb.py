"""`track=wandb`: an offline run of Weights & Biases a trial, in `wandb/` of the experiment.

A trial is written when it ends, whole: what is offline can be looked at after `wandb sync` alone.
Nothing is sent anywhere, whatever `WANDB_MODE` says.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from darkmagic.sweeps.track.schema.tags import EPOCHS_SENT
from darkmagic.sweeps.track.sinks.sink import Sink
from darkmagic.sweeps.track.tracked_run import TrackedRun

__all__ = ["WandbSink", "project_name", "run_id"]

EPOCH = "epoch"
FINAL_STEP = 0
"""The step of what is known at the end, which is the run's summary."""


def run_id(experiment: str, trial: str) -> str:
    """Return the id of a trial's run, the same in every command.

    >>> run_id("article", "mixup=on-s0-1a2b3c4d") == run_id("article", "mixup=on-s0-1a2b3c4d")
    True
    """
    return hashlib.sha256(f"{experiment}/{trial}".encode()).hexdigest()[:16]


def project_name(experiment: str) -> str:
    """Return the name of an experiment's project, without the signs that wandb refuses in one.

    >>> project_name("lr: 0.1, 50 %?"), project_name("article")
    ('lr- 0.1- 50 --', 'article')
    """
    return re.sub(r"[/\\#?%:,]", "-", experiment)


class WandbSink(Sink):
    """Offline runs, each begun and finished when its trial has ended."""

    name = "wandb"
    look = "wandb sync {folder}/offline-run-*"

    def _write(self, key: str, run: TrackedRun) -> None:
        if run.next_status is None:
            return
        identity = run_id(self.experiment, key)
        for former in self.place.glob(f"offline-run-*-{identity}"):
            shutil.rmtree(former)
        with run.lock:
            metrics, run.metrics = run.metrics, []
            params = dict(run.params)
            tags = {key: value for key, value in run.tags.items() if key != EPOCHS_SENT}
            run.params, run.tags = {}, {}
        written = self._init(identity, run.name, {**params, **tags})
        try:
            for step, values in _by_step(metrics).items():
                if step == FINAL_STEP:
                    written.summary.update(values)
                else:
                    written.log({EPOCH: step, **values})
        finally:
            written.finish(exit_code=int(run.next_status == "FAILED"))

    def _init(self, identity: str, name: str, config: Mapping[str, str]) -> Any:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nobody asked the user
        import wandb

        quiet = wandb.Settings(
            console="off",
            disable_git=True,
            silent=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        written = wandb.init(
            mode="offline",
            dir=str(self.folder),
            project=os.environ.get("WANDB_PROJECT") or project_name(self.experiment),
            id=identity,
            name=name,
            config=dict(config),
            reinit="create_new",
            settings=quiet,
        )
        written.define_metric(EPOCH)
        written.define_metric("*", step_metric=EPOCH)
        return written

    def close(self) -> None:
        """End the process that wandb has started."""
        super().close()
        import wandb

        wandb.teardown()


def _by_step(
    metrics: list[tuple[str, float, int, int]],
) -> dict[int, dict[str, float]]:
    """Return the values of each step, in their order."""
    found: dict[int, dict[str, float]] = {}
    for name, value, _, step in sorted(metrics, key=lambda metric: metric[3]):
        found.setdefault(step, {})[name] = value
    return found
