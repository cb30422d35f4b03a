"""Schema of a trial in MLflow: the same names for writing and for reading back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.model import SCREEN, TUNED, Trial
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.sweeps.track import rules
from darkmagic.sweeps.trial.paths import OF_COMMAND
from darkmagic.trainers.metrics.names import METRICS

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
    "SEED",
    "STATUS",
    "STEPPING",
    "STORAGE_URL",
    "SWEEP",
    "SWEEP_OVERRIDES",
    "TRAINING_NOTES",
    "TRIAL_OVERRIDES",
    "TRICK",
    "VAL_IMAGES",
    "VERDICT",
    "curve_of",
    "epoch_metrics",
    "has_trial_tags",
    "read_record",
    "result_metrics",
    "result_of",
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

PER_EPOCH = (
    "train_loss",
    "val_loss",
    *(f"val_{name}" for name in METRICS if name != "loss"),
    "value",
    "lr",
    "weight_decay",
    "images_per_second",
    "peak_memory",
)
COSTS = ("step_seconds", "wall_seconds", "peak_memory_bytes", "parameters", "flops")
COUNTS = ("val_images", "classes", "epochs", "peak_memory_bytes", "parameters", "flops")
ACCURACY = "final.val_accuracy"
VALUE = "final.value"  # of the metric that decides, where that is not accuracy
SHARE = "final.pretrained_share"
VAL_IMAGES = "final.val_images"
CLASSES, COMMONEST, EPOCHS = "final.classes", "final.commonest", "final.epochs"
TEST = "final.test_accuracy"
FINAL_METRICS = {
    "val_accuracy": ACCURACY,
    "value": VALUE,
    "val_loss": "final.val_loss",
    "val_images": VAL_IMAGES,
    "classes": CLASSES,
    "commonest": COMMONEST,
    "epochs": EPOCHS,
    "test_accuracy": TEST,
    "pretrained_share": SHARE,
    "train_seconds": "cost.train_seconds",
    **{name: f"cost.{name}" for name in COSTS},
}
"""From a field of `result.json` to the name of its metric."""


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


def epoch_metrics(event: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of one epoch's event; those of upstream training have a prefix."""
    prefix = "upstream." if event["type"] == "upstream" else ""
    return {prefix + name: float(event[name]) for name in PER_EPOCH if event.get(name) is not None}


def result_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a finished trial's `result.json`."""
    names = dict(FINAL_METRICS)
    if result.get("metric"):
        names |= {f"{split}_metric": _final(result["metric"], split) for split in ("val", "test")}
    return {
        metric: float(result[field])
        for field, metric in names.items()
        if result.get(field) is not None
    }


def curve_of(metric: str) -> str:
    """Return what the values an epoch of the metric that decides are called in MLflow."""
    return metric if metric == OF_COMMAND else f"val_{metric}"


def _final(metric: str, split: str = "val") -> str:
    """Return what the metric that decides is called in MLflow."""
    return VALUE if metric == OF_COMMAND else f"final.{split}_{metric}"


def result_of(
    tags: Mapping[str, str], metrics: Mapping[str, float], metric: str = "accuracy"
) -> dict[str, Any] | None:
    """Return the final result that a trial's run has; None if it has none that is whole.

    `metric` is what decides, which a run that was judged by another may be without.
    """
    status = tags.get(STATUS)
    if status not in (Status.FINISHED, Status.DIVERGED):
        return None
    result: dict[str, Any] = {
        field: metrics[metric] for field, metric in FINAL_METRICS.items() if metric in metrics
    }
    needed = {VALUE} if metric == OF_COMMAND else {ACCURACY, _final(metric)}
    if status == Status.FINISHED and not needed <= metrics.keys():
        return None
    result["metric"] = metric
    for split in ("val", "test"):
        if _final(metric, split) in metrics:
            result[f"{split}_metric"] = metrics[_final(metric, split)]
    for name in COUNTS:
        if name in result:
            result[name] = int(result[name])
    texts = {"status": status, "reason": tags.get(REASON, "")}
    return {**result, **texts, "stepping": tags.get(STEPPING, ""), "edits": tags.get(EDITS, "")}


def read_record(
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
    run_id: str,
    bits: NDArray[np.uint8] | None = None,
    *,
    metric: str = "accuracy",
) -> TrialRecord:
    """Return the record of the trial that these tags and metrics describe.

    `metric` is the name of the one that decides.
    `bits` say which validation images were right, packed as the trainer leaves them.
    """
    costs = {name: metrics.get(f"cost.{name}") for name in COSTS}
    parameters = costs.pop("parameters")
    images = _whole(metrics.get(VAL_IMAGES))
    correct = None
    if bits is not None and images is not None and len(bits) == -(-images // 8):
        correct = np.unpackbits(bits, count=images).astype(bool)
    return TrialRecord(
        trick=tags[TRICK] or None,
        option=tags[OPTION] or None,
        section=tags[SECTION],
        seed=int(tags[SEED]),
        status=Status(tags.get(STATUS, Status.PENDING)),
        reason=tags.get(REASON, ""),
        accuracy=metrics.get(ACCURACY),
        costs=Costs(parameters=_whole(parameters), **costs),
        pretrained_share=metrics.get(SHARE),
        run_id=run_id,
        look=int(tags.get(LOOK, 1)),
        training_notes=tuple(json.loads(tags.get(TRAINING_NOTES, "[]"))),
        classes=_whole(metrics.get(CLASSES)),
        commonest=metrics.get(COMMONEST),
        images=images,
        epochs=_whole(metrics.get(EPOCHS)),
        test_accuracy=metrics.get(TEST),
        stepping=tags.get(STEPPING, ""),
        edits=dict(json.loads(tags.get(EDITS) or "{}")),
        choices=dict(json.loads(tags.get(CHOICES) or "{}")),
        rates=dict(json.loads(tags.get(RATES) or "{}")),
        correct=correct,
        value=metrics.get(_final(metric)),
        test_value=metrics.get(_final(metric, "test")),
        others={
            other: metrics[_final(name)]
            for name, other in rules.METRICS.items()
            if name != metric and _final(name) in metrics
        },
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
