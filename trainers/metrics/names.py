"""The names of the metrics, without imports, so that a configuration is checked without torch."""

from __future__ import annotations

__all__ = ["METRICS", "MIN_CLASSES", "OURS", "TORCHMETRICS"]

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "top5", "auroc", "map", "loss")
OURS = ("accuracy", "loss")
"""Those that every evaluation has; the others need the logits of the whole split."""
TORCHMETRICS = "torchmetrics.functional.classification"
"""What computes those; it imports for seconds."""
MIN_CLASSES = {"top5": 6}
"""With fewer, the metric is the same whatever the network says."""
