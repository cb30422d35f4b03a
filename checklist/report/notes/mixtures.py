"""Runs of a screen in words: what each mixes, and which have no result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import shorten

from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.runs.floor import is_below_floor

__all__ = ["how_ended", "missing_notes", "shown_choices"]

MAX_MISSING = 5
MAX_REASON = 100
"""Characters of why a run failed, which its log has whole."""


def missing_notes(screen: Screened) -> Iterator[str]:
    """Yield which runs have no result and why, and which effects that flatters."""
    missing = screen.missing
    if not missing:
        return
    named = [f"{r.name} ({how_ended(r)})" for r in missing[:MAX_MISSING]]
    more = f" and {len(missing) - MAX_MISSING} more" if len(missing) > MAX_MISSING else ""
    text = (
        f"{len(missing)} of {len(screen.records)} runs have no result and are missing cells: "
        f"{', '.join(named)}{more}. The effects are those of the runs that trained"
    )
    counts = Counter(
        choice for r in missing for choice in r.choices.items() if choice in screen.options
    )
    had = Counter(choice for r in screen.records for choice in r.choices.items())
    shared = [c for c, count in counts.items() if count == len(missing) > 1]
    if shared:
        trick, option = min(shared, key=lambda choice: had[choice])
        text += (
            f"; all of those that did not have {trick}={option}, which {had[trick, option]} runs "
            "have: it may be the cause, and then its difference is flattered"
        )
    elif len(missing) == 1:
        text += (
            "; an option that made it fail is flattered, and it is one of these, if any is: "
            f"{shown_choices(screen, missing[0].name)}"
        )
    else:
        text += "; an option that made some of them fail is flattered by that"
    yield text + "."


def how_ended(record: TrialRecord) -> str:
    """Return how a run ended that has no result, and why."""
    if is_below_floor(record):
        return f"below the floor: {record.accuracy:.1%} right"
    why = shorten(record.reason, MAX_REASON, placeholder=" ...")
    return record.status.replace("_", " ") + (f": {why}" if why else "")


def shown_choices(screen: Screened, name: str) -> str:
    """Return the options of the trial called `name` that are not the baseline's, in words."""
    record = next(record for record in screen.records if record.name == name)
    changed = [f"{t}={o}" for t, o in record.choices.items() if o != screen.baseline.get(t)]
    return ", ".join(changed) or "the baseline's options"
