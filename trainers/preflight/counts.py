"""How many images there are of each class in each split."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from darkmagic.trainers.data.assembly.stats import class_counts
from darkmagic.trainers.data.assembly.usable import why_unusable
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_classes"]

MAX_IMBALANCE = 10  # times as many images of one class as of another
RARE = (
    "accuracy hides what becomes of rare classes: metric=balanced_accuracy shows it, and "
    "+trick/class_weights=balanced or +trick/sampling=balanced counts them up"
)
MAX_NAMES = 5  # classes in a list of problems
MAX_COUNTED = 12  # classes whose images are counted in the message


def check_classes(setup: Setup) -> Finding:
    """Look for classes without images, and for rare ones."""
    data = setup.data
    parts = {"train": data.train, "val": data.val, "test": data.test}
    counts = {name: class_counts(part.targets, len(data.classes)) for name, part in parts.items()}
    figures = {name: dict(zip(data.classes, c.tolist(), strict=True)) for name, c in counts.items()}
    train = counts["train"]
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    seen = f"{len(data.classes)} classes; {sizes}; {_range(train)} a class in train"
    seen += f" ({_counted(data.classes, train)})"

    if reason := why_unusable(data):
        advice = "look at the folders, or at what reads the classes"
        return Finding("classes", Level.STOP, f"{reason} ({sizes})", advice, figures)
    problems = []
    for name, count in counts.items():
        if len(parts[name]) and (empty := [data.classes[i] for i in (count == 0).nonzero()]):
            problems.append(f"no image in {name} of {_names(empty)}")
    smallest = int(train[train > 0].min())
    if int(train.max()) > MAX_IMBALANCE * smallest:
        rare = data.classes[int(torch.where(train > 0, train, train.max()).argmin())]
        problems.append(
            f"{int(train.max()) / smallest:.0f} times as many images of one class as of {rare!r}"
        )
    if not problems:
        return Finding("classes", Level.OK, seen, figures=figures)
    advice = RARE if setup.recipe.metric == "accuracy" else "get more of the rare ones"
    return Finding("classes", Level.WARNING, f"{seen}; {'; '.join(problems)}", advice, figures)


def _range(counts: Tensor) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _counted(names: Sequence[str], counts: Tensor) -> str:
    some = zip(names[:MAX_COUNTED], counts.tolist(), strict=False)
    more = f", and {len(names) - MAX_COUNTED} more" if len(names) > MAX_COUNTED else ""
    return ", ".join(f"{name} {count:,}" for name, count in some) + more


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
