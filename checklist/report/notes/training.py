"""Notes on how trials trained: their options, how they stepped, what their losses show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import EDITED_IN_PART
from darkmagic.checklist.report.formatting import count_of

__all__ = ["length_note", "training_notes"]

SHORT_EPOCHS = 100
MIN_TRIALS_TO_GROUP = 3
"""Trials: if at least as many have the same note, it is given once."""
EDITED_NOWHERE = "does not apply: "
KIND = re.compile(r":| from epoch | at the end| in epoch ")


def training_notes(comparison: Comparison) -> Iterator[str]:
    """Yield them, most important first."""
    yield from _edits(comparison)
    yield from _stepping(comparison)
    yield from _losses(comparison)


def length_note(comparison: Comparison, epochs: int | None) -> Iterator[str]:
    """Say where training was too short to judge what regularises."""
    regularised = any(row.section == "regularisation" for row in comparison.tricks)
    if regularised and epochs is not None and epochs < SHORT_EPOCHS:
        yield (
            f"{count_of(epochs, 'epoch')} is a short training, which under-rates regularisers: "
            "mixup gave ResNet-50 +0.29 points on ImageNet at 100 epochs and +1.09 at 300 "
            "(OpenMixup's benchmarks), and signs can flip. Judge them at the length you will train "
            "for."
        )


def _edits(comparison: Comparison) -> Iterator[str]:
    """Name the options of the baseline that the network did not take, or took in part."""
    edits = comparison.baseline.edits
    left_out = {n: e.partition(": ")[2] for n, e in edits.items() if EDITED_NOWHERE in e}
    if left_out:
        listed = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
        yield f"Where an option does not apply, the baseline has the network as it is: {listed}."
    partial = [f"{n} ({e})" for n, e in edits.items() if EDITED_IN_PART.fullmatch(e)]
    if partial:
        yield f"The baseline has some options in some places only: {', '.join(partial)}."


def _stepping(comparison: Comparison) -> Iterator[str]:
    """Name the rows whose time a step is not to be compared with the baseline's as it stands."""
    way, _, _ = comparison.baseline.stepping.partition(": ")
    for row in comparison.tricks:
        own, _, why = row.stepping.partition(": ")
        if {own, way} == {"eager", "graph"}:
            by_launches, by_graph = (
                (row.name, "the baseline") if own == "eager" else ("the baseline", row.name)
            )
            reason = f" ({why})" if own == "eager" else ""
            yield (
                f"{by_launches} trains by single launches{reason} and {by_graph} by CUDA graphs: "
                "part of the difference in time a step is the host's."
            )


def _losses(comparison: Comparison) -> Iterator[str]:
    """Yield notes on how trials trained, by their losses; a common kind is given once."""
    found: dict[str, dict[str, tuple[str, int]]] = {}
    for row in comparison.rows:
        for run in row.training_notes:
            for note in run:
                kind = KIND.split(note)[0]
                first, count = found.setdefault(kind, {}).get(row.name, (note, 0))
                found[kind][row.name] = (first, count + 1)
    for kind, rows in found.items():
        if len(rows) > MIN_TRIALS_TO_GROUP:
            note = next(iter(rows.values()))[0]
            rest = note.removeprefix(kind).lstrip(": ")
            yield f"{len(rows)} of {len(comparison.rows)} trials: {kind}; in one of them {rest}."
            continue
        for name, (note, count) in rows.items():
            row = next(row for row in comparison.rows if row.name == name)
            runs = sum(row.statuses.values())
            often = f" (in {count} of {runs} runs)" if runs > 1 else ""
            yield f"{name}: {note}{often}."
