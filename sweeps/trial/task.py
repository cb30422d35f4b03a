"""The task function, importable without torch: one resolved configuration in, one result out.

Runs in a forked child. Imports no MLflow: the orchestrator reads this trial's directory.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkmagic.checklist.secrets import mask_nested
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.paths import decides, is_final, write_config
from darkmagic.sweeps.trial.retry import RETRY_REASON
from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.outputs.names import LOG, RESULT
from darkmagic.trainers.outputs.result_file import read_sound_result, write_result

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["run_trial"]


def run_trial(config: DictConfig) -> dict[str, Any]:
    """Train the trial that `config` describes; return the content of its `result.json`.

    Every outcome is a result with a status, errors too, so that one bad trial is a row
    and no more. A trial with a final result is not trained again. Our own loop trains it, or
    the command that the configuration names.
    """
    from hydra.core.hydra_config import HydraConfig

    directory = Path(HydraConfig.get().runtime.output_dir)
    resolved = resolve(config)
    before = read_sound_result(directory)
    if before is not None and is_final(before, decides(resolved)):
        return before
    (directory / RESULT).unlink(missing_ok=True)
    if multiprocessing.parent_process() is not None:
        _log_to(directory / LOG)
    write_config(directory, resolved)
    start = {"type": "start", "pid": os.getpid(), "time": time.time()}
    EventLog(directory).append({**start, "retried": os.environ.get(RETRY_REASON, "")})
    result = _outcome(resolved, directory)
    if RETRY_REASON in os.environ:
        again, reason = os.environ[RETRY_REASON], result["reason"]
        result = {**result, "reason": f"{reason}; {again}" if reason else again}
    # A reason may be the user's own exception, with a URI in it.
    result = {key: mask_nested(value) for key, value in result.items()}
    write_result(directory, result)
    return result


def _outcome(resolved: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Return the result of one of the two trainers, each of which imports what it needs."""
    if is_command(resolved):
        from darkmagic.sweeps.trial.command.run import run_command_trial

        return run_command_trial(resolved, directory)
    from darkmagic.sweeps.trial.run import train_recipe

    return train_recipe(resolved, directory).as_dict()


def _log_to(path: Path) -> None:
    """Send what this process prints, from C too, to the trial's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
