"""Overrides of `darkmagic checklist run --dry-run`: every trial, as short as can be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from darkmagic.sweeps.compose.request import split_request

__all__ = ["dry_run_overrides"]


@contextmanager
def dry_run_overrides(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Yield `overrides` changed to two steps on tiny data on the CPU, in a temporary folder.

    The user's data set is replaced, and what depends on earlier runs (`seeds=+2`, `only=`) is
    left out; all else that they set stays.

    >>> with dry_run_overrides(["dataset=cifar10", "model=resnet18"]) as overrides:
    ...     print(overrides[:3])
    ['model=resnet18', 'dataset=tiny', 'max_steps=2']
    """
    plain, _ = split_request(overrides)
    kept = [o for o in plain if not o.lstrip("+").startswith(("dataset=", "dataset."))]
    with tempfile.TemporaryDirectory(prefix="darkmagic-") as folder:
        yield [
            *kept,
            "dataset=tiny",
            "max_steps=2",
            "floor=0",
            "runtime.device=cpu",
            "hydra.launcher.devices=cpu",
            f"runtime.out='{folder}'",
            f"runtime.cache='{folder}/cache'",
            f"runtime.tracking_uri='sqlite:///{folder}/mlflow.db'",
        ]
