"""Finds, before anything is trained, the options that a command cannot have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from darkmagic.sweeps.trial.command.node import TRAINER
from darkmagic.sweeps.trial.command.trackers import own_environment
from darkmagic.trainers.command.dry_run import DryRun, dry_run
from darkmagic.trainers.command.program import missing_program
from darkmagic.trainers.command.spec import Command
from darkmagic.trainers.runtime.cores import usable_cores

__all__ = ["find_refused", "refusal_of"]

Finding = tuple[str, str] | None
"""A status and its reason, of a trial that needs no training."""


def find_refused(trials: Sequence[Mapping[str, Any]], note: Callable[[str], None]) -> list[Finding]:
    """Look at `trials` (resolved configurations) of a command, the first of them the baseline.

    Returns a status with its reason for those that need no training: `not_applicable` where the
    trainer does not map their option, `failed` where the script refuses its words in a dry run.
    `note` is told why no dry run was made.
    """
    baseline = trials[0][TRAINER]
    findings: list[Finding] = [None]
    for trial in trials[1:]:
        own = [each for each in trial[TRAINER]["unmapped"] if each not in baseline["unmapped"]]
        reason = f"{trial[TRAINER]['name']} has no mapping of {', '.join(own)} (trainer.tricks)"
        findings.append(("not_applicable", reason) if own else None)
    first = refusal_of(trials[0])
    if not first.understood:
        words = " ".join(baseline["check"])
        seconds = trials[0]["runtime"]["preflight_seconds"]
        note(
            f"no dry run: the script knows no {words}, or takes longer than {seconds} s for it "
            "(runtime.preflight_seconds); its words are not checked before"
        )
        return findings
    left = [index for index, found in enumerate(findings) if found is None and index]
    left = [index for index in left if trials[index][TRAINER]["changes"] != baseline["changes"]]
    with ThreadPoolExecutor(usable_cores()) as pool:
        for index, found in zip(left, pool.map(refusal_of, [trials[i] for i in left]), strict=True):
            if found.problem:
                findings[index] = ("failed", f"Refused: {found.problem}")
    return findings


def refusal_of(trial: Mapping[str, Any]) -> DryRun:
    """Return what a dry run of `trial` shows; nothing is wrong where its `check` has no words."""
    node = trial[TRAINER]
    command = Command.from_node(node)
    missing = missing_program(command)
    if missing is not None:
        return DryRun(missing)
    words = node.get("check") or []
    if not words:
        return DryRun()
    key = (command.arguments, tuple(sorted(command.environment.items())), tuple(words))
    if key not in _tried:
        values = {"seed": str(trial["seed"]), "directory": "", "device": "cpu", "threads": "1"}
        seconds = float(trial["runtime"]["preflight_seconds"])
        _tried[key] = dry_run(
            command, words, command.arguments[1:], values, seconds, own_environment
        )
    return _tried[key]


_tried: dict[Any, DryRun] = {}
"""What was tried by this process: the checks before a sweep and the sweep ask for the same."""
