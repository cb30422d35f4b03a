"""The names of the files in a trial's directory, without imports, so that readers need no torch."""

from __future__ import annotations

__all__ = ["CHECKPOINT", "CONFIG", "CORRECT", "EVENTS", "LOG", "RESULT"]

CHECKPOINT = "checkpoint.pt"
CONFIG = "config.yaml"
LOG = "log.txt"
EVENTS = "events.jsonl"
RESULT = "result.json"
CORRECT = "val_correct.npy"
"""Which validation images were right: one bit an image, as numpy's `packbits` gives them."""
