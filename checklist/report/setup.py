"""What a report's runs were made of: data, network, machine, settings, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Setup"]


@dataclass(frozen=True)
class Setup:
    """Everything about the runs that no statistic needs; empty where it is not known.

    `settings` has by row the configuration of one of its runs, by dotted key. `links` has by row
    the page of each run in MLflow, by seed, and `opens` how those pages are opened.

    >>> Setup(dataset="digits", runs=18, seconds=168.0).model
    ''
    """

    dataset: str = ""
    model: str = ""
    classes: int | None = None
    train_images: int | None = None
    parameters: int | None = None
    runs: int = 0  # that have ended
    seconds: float | None = None  # of all of them together
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    links: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    opens: str = ""
