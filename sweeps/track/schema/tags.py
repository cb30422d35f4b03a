"""Tags of a sweep's and a trial's run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from darkmagic.checklist.model import SCREEN, TUNED, Trial

__all__ = [
    "CHECKLIST",
    "CHOICES",
    "COMMAND",
    "CONFIRMED",
    "CONFIRMED_NUMBERS",
    "EDITS",
    "EPOCHS_SENT",
    "EVENTS_SENT",
    "EXPERIMENT",
    "IDENTITY",
    "KIND",
    "LIMITS",
    "LOOK",
    "LOOKS",
    "OPTION",
    "PARENT",
    "RACE",
    "RATES",
    "REASON",
    "RECIPE",
    "RULES",
    "SECTION",
    "SEED",
    "STATUS",
    "STEPPING",
    "STORAGE_URL",
    "SWEEP",
    "SWEEP_OVERRIDES",
    "TRAINING_NOTES",
    "TRIAL_OVERRIDES",
    "TRICK",
    "VERDICT",
    "has_trial_tags",
    "run_key",
    "trial_tags",
]

KIND = "darkmagic.kind"  # sweep or trial
EXPERIMENT = "darkmagic.experiment"
COMMAND = "darkmagic.command"  # of a trial: the user's command that trained it, as a line
RECIPE = "darkmagic.recipe"  # of a sweep: the baseline's identity without its seed
CHECKLIST = "darkmagic.checklist"  # of a sweep: the checklist as JSON, baseline options first
IDENTITY = "darkmagic.identity"
LIMITS = "darkmagic.limits"  # of a sweep: what its screen leaves out, as JSON
STATUS = "darkmagic.status"
REASON = "darkmagic.reason"
LOOK = "darkmagic.look"  # of a trial: the interim look at the verdicts that its run belongs to
LOOKS = "darkmagic.looks"  # of a sweep: how many looks were taken
STORAGE_URL = "darkmagic.storage"  # of a study: where Optuna has its trials
SWEEP_OVERRIDES = "darkmagic.words"  # of a sweep: the overrides that start it again, as JSON
RACE = "darkmagic.race"  # of a sweep: set where its runs were spent by rounds
RULES = "darkmagic.rules"  # of a sweep: what was fixed before a result was seen, as JSON
TRIAL_OVERRIDES = "darkmagic.overrides"  # of a trial: the overrides that train it alone, as JSON
TRAINING_NOTES = "darkmagic.watched"  # of a trial: diagnoses of its losses, as JSON
CHOICES = "darkmagic.choices"  # of a trial that mixes options: that of every trick, as JSON
SWEEP = "darkmagic.sweep"  # of a confirmation: the recipe tag of the sweep that it is of
CONFIRMED = "darkmagic.confirmed"  # of a confirmation: the options that came out of it, as JSON
CONFIRMED_NUMBERS = "darkmagic.confirmed_numbers"  # of those options: the tuned ones, as JSON
RATES = "darkmagic.rates"  # of a trial: what its rates are multiplied by, as JSON
STEPPING = "darkmagic.stepping"  # of a trial: how its steps were taken, and why
EDITS = "darkmagic.edits"  # of a trial: how many places each trick edited, as JSON
VERDICT = "darkmagic.verdict"
EPOCHS_SENT = "darkmagic.epochs_sent"  # of a trial: the last epoch by type of event, as JSON
EVENTS_SENT = "darkmagic.events_sent"  # the lines of its log, as versions before counted
PARENT = "mlflow.parentRunId"
TRICK, OPTION = "darkmagic.trick", "darkmagic.option"
SECTION, SEED = "darkmagic.section", "darkmagic.seed"


def trial_tags(
    trial: Trial, identity: str, *, look: int = 1, overrides: Sequence[str] = ()
) -> dict[str, str]:
    """Return the tags that say which trial a run is."""
    choices = {CHOICES: json.dumps(dict(trial.choices))} if trial.trick in (SCREEN, TUNED) else {}
    return {
        KIND: "trial",
        IDENTITY: identity,
        TRICK: trial.trick or "",
        OPTION: trial.option or "",
        SECTION: trial.section,
        SEED: str(trial.seed),
        LOOK: str(look),
        TRIAL_OVERRIDES: json.dumps(list(overrides)),
        **choices,
        **({RATES: json.dumps(dict(trial.rates))} if trial.rates else {}),
    }


def has_trial_tags(tags: Mapping[str, str]) -> bool:
    """Whether the tags say which trial a run is of: someone may have removed them in MLflow."""
    return tags.get(SEED, "").isdecimal() and {TRICK, OPTION, SECTION, IDENTITY} <= set(tags)


def run_key(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return what distinguishes a trial's run from others under the same parent."""
    return (tags[TRICK], tags[OPTION], tags[SEED], tags[IDENTITY])
