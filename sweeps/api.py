"""The functions that the command line and scripts call, one a command."""

from __future__ import annotations

from darkmagic.sweeps.commands.clusters.standing import (
    TrialStanding,
    cancel_sweep,
    find_sweep,
    standings,
)
from darkmagic.sweeps.commands.clusters.worker import run_worker
from darkmagic.sweeps.commands.confirm import Confirmed, confirm_winners
from darkmagic.sweeps.commands.dry_run import dry_run_overrides, plan_dry_run
from darkmagic.sweeps.commands.ensemble import (
    EnsembleKind,
    Member,
    choose_members,
    ensemble,
    find_experiment,
    find_metric,
)
from darkmagic.sweeps.commands.estimate import estimate
from darkmagic.sweeps.commands.inventory import checklists, trick_cards, tricks_on
from darkmagic.sweeps.commands.plan import PlannedSweep, check, next_round, plan
from darkmagic.sweeps.commands.power import KnownSweep, power
from darkmagic.sweeps.commands.preflight import Finding, Level, preflight
from darkmagic.sweeps.commands.stages.ablate import Ablated, ablate_recipe
from darkmagic.sweeps.commands.stages.retune import retune
from darkmagic.sweeps.commands.stages.run import run_checklist
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.commands.train import train
from darkmagic.sweeps.commands.tuning.optimize import (
    Optimized,
    PlannedOptimization,
    optimize,
    plan_optimization,
)
from darkmagic.sweeps.commands.tuning.recipe import train_line
from darkmagic.sweeps.commands.tuning.refine import Refinement, plan_refinement
from darkmagic.sweeps.commands.tuning.story import write_story
from darkmagic.sweeps.commands.tuning.tune import (
    PlannedStudy,
    confirm_study,
    plan_study,
    train_study,
)
from darkmagic.sweeps.compose.command.words import compare_overrides, literal
from darkmagic.sweeps.compose.request import of_a_run
from darkmagic.sweeps.launch.check import check_detach
from darkmagic.sweeps.launch.jobs.follow import LeftRunning
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import ui_command
from darkmagic.sweeps.starting.data import find_data, look_at
from darkmagic.sweeps.starting.found import FoundData
from darkmagic.sweeps.starting.scripts import Script, compare_command, find_scripts
from darkmagic.sweeps.starting.write import (
    dataset_yaml,
    next_overrides,
    option_name,
    write_option,
)
from darkmagic.sweeps.tune.result import StudyResult

__all__ = [
    "Ablated",
    "Confirmed",
    "EnsembleKind",
    "Finding",
    "FoundData",
    "KnownSweep",
    "LeftRunning",
    "Level",
    "Member",
    "Optimized",
    "PlannedOptimization",
    "PlannedStudy",
    "PlannedSweep",
    "Refinement",
    "Script",
    "StudyResult",
    "TrialStanding",
    "ablate_recipe",
    "cancel_sweep",
    "check",
    "check_detach",
    "checklists",
    "choose_members",
    "compare_command",
    "compare_overrides",
    "confirm_study",
    "confirm_winners",
    "dataset_yaml",
    "dry_run_overrides",
    "ensemble",
    "estimate",
    "find_data",
    "find_experiment",
    "find_metric",
    "find_scripts",
    "find_sweep",
    "finish",
    "literal",
    "look_at",
    "next_overrides",
    "next_round",
    "of_a_run",
    "optimize",
    "option_name",
    "plan",
    "plan_dry_run",
    "plan_optimization",
    "plan_refinement",
    "plan_study",
    "power",
    "preflight",
    "retune",
    "run_checklist",
    "run_worker",
    "standings",
    "sweep",
    "train",
    "train_line",
    "train_study",
    "trick_cards",
    "tricks_on",
    "ui_command",
    "write_option",
    "write_story",
]
