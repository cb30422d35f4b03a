"""What a report's runs were made of: data, network, machine, settings, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Changed", "ClassShare", "Picture", "Setup"]


@dataclass(frozen=True)
class Picture:
    """An image as the `data:` address of a page, with its class."""

    text: str
    address: str


@dataclass(frozen=True)
class ClassShare:
    """How many of the images of a class the baseline and a row have right, in percent."""

    name: str
    images: int
    baseline: float
    row: float

    @property
    def change(self) -> float:
        """The row's share less the baseline's, in points."""
        return self.row - self.baseline


@dataclass(frozen=True)
class Changed:
    """Images that a row has right and the baseline wrong (`gained`), the other way round (`lost`),
    and the classes whose shares differ, the largest change first.

    Of many images those that changed most clearly are here; `counts` are all of either side.
    """

    gained: tuple[Picture, ...]
    lost: tuple[Picture, ...]
    counts: tuple[int, int]
    classes: tuple[ClassShare, ...]


@dataclass(frozen=True)
class Setup:
    """Everything about the runs that no statistic needs; empty where it is not known.

    `settings` has by row the configuration of one of its runs, by dotted key. `links` has by row
    the page of each run in MLflow, by seed, and `local` says that they are of a store's file, which
    one has to serve. `strip` are a few images of the data, and `changed` has by row those that
    changed sides; `unseen` says why there are none, where that was asked for.

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
    local: bool = False
    strip: tuple[Picture, ...] = ()
    changed: Mapping[str, Changed] = field(default_factory=dict)
    unseen: str = ""
