"""Retry of a trial: how the process that trains it again gets the reason."""

from __future__ import annotations

__all__ = ["RETRY_REASON"]

RETRY_REASON = "DARKMAGIC_RETRIED"
"""The environment variable with the reason why a trial is trained again."""
