"""Records by row, and what of them counts at a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import BASELINE, Checklist, trial_name
from darkmagic.checklist.records import ENDED, TrialRecord

if TYPE_CHECKING:
    from darkmagic.checklist.stats.linear import Run

__all__ = ["Groups", "by_trial", "last_complete_look", "runs_of"]

Groups = Mapping[str, Sequence[TrialRecord]]


def by_trial(checklist: Checklist, records: Sequence[TrialRecord]) -> Groups:
    """Return the records of each row by its name, the baseline first."""
    groups: dict[str, list[TrialRecord]] = {BASELINE: []}
    for trick in checklist.tricks:
        groups.update({trial_name(trick.name, option): [] for option in trick.options[1:]})
    for record in records:
        groups.setdefault(record.name, []).append(record)
    return {name: group for name, group in groups.items() if group or name == BASELINE}


def last_complete_look(records: Sequence[TrialRecord]) -> int:
    """Return the last look whose runs have all ended; 0 while the first one's have not."""
    running = [record.look for record in records if record.status not in ENDED]
    last = max((record.look for record in records), default=0)
    return min(running) - 1 if running else last


def runs_of(groups: Groups, metric: Metric, look: int | None) -> list[Run]:
    """Return the runs that finished, with their values turned so that higher is better."""
    from darkmagic.checklist.stats.linear import Run

    return [
        Run(index, record.seed, metric.gain(result))
        for index, group in enumerate(groups.values())
        for record in group
        if (result := record.result(metric)) is not None
        if look is None or record.look <= look
    ]
