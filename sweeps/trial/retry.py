"""Retry of a trial: how the process that trains it again gets the reason, and other settings."""

from __future__ import annotations

__all__ = ["RETRY_REASON", "WITHOUT_GRAPHS"]

RETRY_REASON = "DARKMAGIC_RETRIED"
"""The environment variable with the reason why a trial is trained again."""
WITHOUT_GRAPHS = "DARKMAGIC_WITHOUT_CUDA_GRAPHS"
"""The environment variable that has a trial step by single launches, whatever its recipe says."""
