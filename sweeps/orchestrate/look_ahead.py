"""Look ahead: which trials need no training, found in children before any trial starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps.launch.devices import CPU, make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.launch.local.calls import Call
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.local.stall import LOOK_SECONDS, SETTING, patience
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.trial.command.look import find_refused
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.inert import find_inert

__all__ = ["Look", "look_findings", "start_look"]

UNSEEN = "trials that change nothing are trained too"
Finding = tuple[str, str] | None
"""A status and its reason, of a trial that needs no training."""


@dataclass(frozen=True)
class Look:
    """A look under way at `trials`, resolved configurations, the baseline first.

    Trials of a command are looked at without a child. `launcher` says how long it may take.
    """

    job: fork_server.Job | None
    trials: list[dict[str, Any]]
    launcher: Mapping[str, Any]

    def patience(self, trials: int) -> float | None:
        """Return the seconds that a look at so many of the trials may take; None for ever."""
        return patience(self.launcher, LOOK_SECONDS, trials)


def start_look(states: Sequence[TrialState], launcher: Mapping[str, Any]) -> Look | None:
    """Start to compare the first seed's trials with their baseline, in a child on the CPU.

    `launcher` is the configuration of what will train them.
    """
    seed = states[0].trial.seed
    if all(state.status is not Status.PENDING for state in states):
        return None
    trials = [state.resolved for state in states if state.trial.seed == seed]
    if is_command(trials[0]):
        return Look(None, trials, launcher)
    env = {"CUDA_VISIBLE_DEVICES": ""}
    return Look(fork_server.start(find_inert, trials, env=env, threads=1), trials, launcher)


def look_findings(look: Look | None, progress: Progress) -> list[Finding]:
    """Wait for what `look` finds of each trial.

    Where its process dies, each trial is looked at in a process of its own, and the one that kills
    it shows why when it trains. Where it takes too long, nothing is known of any.
    """
    if look is None:
        return []
    if look.job is None:
        return find_refused(look.trials, progress.note)
    try:
        found: list[Finding] = wait_for(look.job, look.patience(len(look.trials)))
    except SilentError as silent:
        progress.note(
            f"the look ahead took {silent.seconds:.0f} s and was ended: {UNSEEN} "
            f"({SETTING}=N waits N s for each)"
        )
        return []
    except DiedError:
        progress.note("the look ahead was killed: each trial is looked at by itself")
        return _one_by_one(look)
    return found


def _one_by_one(look: Look) -> list[Finding]:
    baseline, *others = look.trials
    seconds = look.patience(2)  # the baseline and one more

    def too_long(_: int, began: float) -> str | None:
        late = seconds is not None and time.time() - began > seconds
        return f"no answer for {seconds:.0f} s" if late else None

    ended = run_calls(
        [Call(find_inert, ([baseline, trial],)) for trial in others],
        make_leases(CPU, None),
        on_start=lambda _: None,
        on_end=lambda *_: None,
        stalled=too_long,
    )
    return [None, *(None if each.value is None else each.value[1] for each in ended)]
