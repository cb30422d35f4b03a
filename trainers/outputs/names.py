"""The names of the files in a trial's directory, without imports, so that readers need no torch."""

from __future__ import annotations

__all__ = ["CHECKPOINT", "CORRECT", "EVENTS", "RESULT"]

CHECKPOINT = "checkpoint.pt"
EVENTS = "events.jsonl"
RESULT = "result.json"
CORRECT = "val_correct.npy"
"""Which validation images were right: one bit an image, as numpy's `packbits` gives them."""
