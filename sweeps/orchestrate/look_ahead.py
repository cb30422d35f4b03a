"""Look ahead: which trials need no training, found in children before any trial starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps.launch.devices import CPU, make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.trial.command.look import find_refused
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.inert import find_inert

__all__ = ["Look", "look_findings", "start_look"]

SECONDS = 300
UNSEEN = "trials that change nothing are trained too"
Finding = tuple[str, str] | None
"""A status and its reason, of a trial that needs no training."""


@dataclass(frozen=True)
class Look:
    """A look under way at `trials`, resolved configurations, the baseline first.

    Trials of a command are looked at without a child.
    """

    job: fork_server.Job | None
    trials: list[dict[str, Any]]


def start_look(states: Sequence[TrialState]) -> Look | None:
    """Start to compare the first seed's trials with their baseline, in a child on the CPU."""
    seed = states[0].trial.seed
    if all(state.status is not Status.PENDING for state in states):
        return None
    trials = [state.resolved for state in states if state.trial.seed == seed]
    if is_command(trials[0]):
        return Look(None, trials)
    env = {"CUDA_VISIBLE_DEVICES": ""}
    return Look(fork_server.start(find_inert, trials, env=env, threads=1), trials)


def look_findings(look: Look | None, progress: Progress) -> list[Finding]:
    """Wait for what `look` finds of each trial.

    Where its process dies, each trial is looked at in a process of its own, and the one that kills
    it shows why when it trains. Where it takes too long, nothing is known of any.
    """
    if look is None:
        return []
    if look.job is None:
        return find_refused(look.trials, progress.note)
    findings: list[Finding] = []
    try:
        if look.job.connection.poll(SECONDS):
            findings = look.job.result()
        else:
            look.job.print_stacks()
            progress.note(f"the look ahead took {SECONDS} s and was ended: {UNSEEN}")
    except EOFError:
        progress.note("the look ahead was killed: each trial is looked at by itself")
        findings = _one_by_one(look.trials)
    look.job.stop()
    return findings


def _one_by_one(trials: Sequence[dict[str, Any]]) -> list[Finding]:
    baseline, *others = trials
    ended = run_calls(
        [Call(find_inert, ([baseline, trial],)) for trial in others],
        make_leases(CPU, None),
        on_start=lambda _: None,
        on_end=lambda *_: None,
        stalled=_too_long,
    )
    return [None, *(None if each.value is None else each.value[1] for each in ended)]


def _too_long(_: int, began: float) -> str | None:
    return f"no answer for {SECONDS} s" if time.time() - began > SECONDS else None
