"""Metrics of a trial's run, of its epochs and of its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkmagic.sweeps.trial.paths import OF_COMMAND
from darkmagic.trainers.metrics.names import METRICS

__all__ = [
    "ACCURACY",
    "CLASSES",
    "COMMONEST",
    "COSTS",
    "COUNTS",
    "EPOCHS",
    "FINAL_METRICS",
    "SHARE",
    "TEST",
    "VALUE",
    "VAL_IMAGES",
    "curve_of",
    "epoch_metrics",
    "final_name",
    "result_metrics",
]
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


def epoch_metrics(event: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of one epoch's event; those of upstream training have a prefix."""
    prefix = "upstream." if event["type"] == "upstream" else ""
    return {prefix + name: float(event[name]) for name in PER_EPOCH if event.get(name) is not None}


def result_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a finished trial's `result.json`."""
    names = dict(FINAL_METRICS)
    if result.get("metric"):
        names |= {
            f"{split}_metric": final_name(result["metric"], split) for split in ("val", "test")
        }
    return {
        metric: float(result[field])
        for field, metric in names.items()
        if result.get(field) is not None
    }


def curve_of(metric: str) -> str:
    """Return what the values an epoch of the metric that decides are called in MLflow."""
    return metric if metric == OF_COMMAND else f"val_{metric}"


def final_name(metric: str, split: str = "val") -> str:
    """Return what the metric that decides is called in MLflow."""
    return VALUE if metric == OF_COMMAND else f"final.{split}_{metric}"
