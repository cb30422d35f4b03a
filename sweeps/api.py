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
from darkmagic.sweeps.commands.plan import PlannedSweep, next_round, plan
from darkmagic.sweeps.commands.power import KnownSweep, power
from darkmagic.sweeps.commands.preflight import Finding, Level, preflight
from darkmagic.sweeps.commands.sweep import run_checklist, sweep
from darkmagic.sweeps.commands.train import train
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import ui_command
from darkmagic.sweeps.starting.data import FoundData, find_data, look_at
from darkmagic.sweeps.starting.scripts import Script, compare_command, find_scripts
from darkmagic.sweeps.starting.write import (
    dataset_yaml,
    next_overrides,
    option_name,
    write_option,
)

__all__ = [
    "Confirmed",
    "EnsembleKind",
    "Finding",
    "FoundData",
    "KnownSweep",
    "Level",
    "Member",
    "PlannedSweep",
    "Script",
    "check_tracking",
    "checklists",
    "choose_members",
    "compare_command",
    "confirm_winners",
    "dataset_yaml",
    "dry_run_overrides",
    "ensemble",
    "estimate",
    "find_data",
    "find_experiment",
    "find_scripts",
    "finish",
    "look_at",
    "next_overrides",
    "next_round",
    "option_name",
    "plan",
    "power",
    "preflight",
    "run_checklist",
    "sweep",
    "train",
    "trick_cards",
    "tricks_on",
    "ui_command",
    "write_option",
]
