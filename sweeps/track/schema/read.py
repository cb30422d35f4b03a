"""What a trial's run in MLflow says of the trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.sweeps.track import rules
from darkmagic.sweeps.track.schema.metrics import (
    ACCURACY,
    CLASSES,
    COMMONEST,
    COSTS,
    COUNTS,
    EPOCHS,
    FINAL_METRICS,
    SHARE,
    TEST,
    VAL_IMAGES,
    VALUE,
    final_name,
)
from darkmagic.sweeps.track.schema.tags import (
    CHOICES,
    EDITS,
    LOOK,
    OPTION,
    RATES,
    REASON,
    SECTION,
    SEED,
    STATUS,
    STEPPING,
    TRAINING_NOTES,
    TRICK,
)
from darkmagic.sweeps.trial.paths import OF_COMMAND

__all__ = ["read_record", "result_of"]


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
    needed = {VALUE} if metric == OF_COMMAND else {ACCURACY, final_name(metric)}
    if status == Status.FINISHED and not needed <= metrics.keys():
        return None
    result["metric"] = metric
    for split in ("val", "test"):
        if final_name(metric, split) in metrics:
            result[f"{split}_metric"] = metrics[final_name(metric, split)]
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
        value=metrics.get(final_name(metric)),
        test_value=metrics.get(final_name(metric, "test")),
        others={
            other: metrics[final_name(name)]
            for name, other in rules.METRICS.items()
            if name != metric and final_name(name) in metrics
        },
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
