"""The functions that the command line and scripts call, one a command."""

from __future__ import annotations

from darkmagic.sweeps.commands.confirm import Confirmed, confirm_winners
from darkmagic.sweeps.commands.dry_run import check_tracking, dry_run_overrides
from darkmagic.sweeps.commands.ensemble import (
    EnsembleKind,
    Member,
    choose_members,
    ensemble,
    find_experiment,
)
from darkmagic.sweeps.commands.estimate import estimate
from darkmagic.sweeps.commands.inventory import checklists, trick_cards, tricks_on
from darkmagic.sweeps.commands.plan import PlannedSweep, check, next_round, plan
from darkmagic.sweeps.commands.power import KnownSweep, power
from darkmagic.sweeps.commands.preflight import Finding, Level, preflight
from darkmagic.sweeps.commands.sweep import run_checklist, sweep
from darkmagic.sweeps.commands.train import train
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import ui_command

__all__ = [
    "Confirmed",
    "EnsembleKind",
    "Finding",
    "KnownSweep",
    "Level",
    "Member",
    "PlannedSweep",
    "check",
    "check_tracking",
    "checklists",
    "choose_members",
    "confirm_winners",
    "dry_run_overrides",
    "ensemble",
    "estimate",
    "find_experiment",
    "finish",
    "next_round",
    "plan",
    "power",
    "preflight",
    "run_checklist",
    "sweep",
    "train",
    "trick_cards",
    "tricks_on",
    "ui_command",
]
