"""Notes on the rates at which rows were compared: their own, or the baseline's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import JUDGED, Row
from darkmagic.checklist.plan import Retune
from darkmagic.checklist.planning.retune import LADDER

__all__ = ["rate_notes"]

MAX_NAMES = 5
ALONE = "retune=ladder picks a rate for each first"
SCREENED = (
    "retune=ladder adds the rate to the screen as a trick: every option is seen at several rates, "
    "and optimizers are compared each at its best"
)


def rate_notes(comparison: Comparison) -> Iterator[str]:
    """Yield them, empty where no row needs a rate of its own."""
    tested = [row for row in comparison.tricks if row.verdict in JUDGED]
    untuned = [row for row in tested if "lr" in row.untuned]
    if untuned:
        yield (
            f"Rate not retuned: {_names(untuned)} {_have(untuned)} the baseline's learning rate, "
            "which was chosen for the baseline. A row that is worse here may be better at its own: "
            f"{SCREENED if comparison.screen else ALONE}."
        )
    picked = [row for row in comparison.rows if row.rates]
    if picked:
        yield (
            f"Rates are factors of the recipe's. {_how(comparison.rules.retune)}, the baseline's "
            "as many times, on seeds that no verdict uses. Rows without a rate have the baseline's."
        )
    if comparison.rules.retune is Retune.LADDER:
        ends = {min(LADDER): "lowest", max(LADDER): "highest"}
        for factor, end in ends.items():
            rows = [row for row in picked if row.rates.get("lr") == factor]
            if rows:
                yield (
                    f"{_names(rows)} took the {end} rate that was tried: one beyond it may be "
                    "better still."
                )
    decay = [row for row in tested if row.rates and "decay" in row.untuned]
    if decay:
        yield (
            f"Weight decay was not retuned with {_names(decay)}, which often needs another: "
            "retune=optuna picks both."
        )


def _how(mode: Retune) -> str:
    if mode is Retune.LADDER:
        tried = ", ".join(f"x{factor:.3g}" for factor in sorted(LADDER))
        return f"Each that is shown is the best of a ladder ({tried})"
    return "Each that is shown is the best of what Optuna tried"


def _names(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - MAX_NAMES} more" if len(rows) > MAX_NAMES else ""
    return ", ".join(row.name for row in rows[:MAX_NAMES]) + more


def _have(rows: Sequence[Row]) -> str:
    return "has" if len(rows) == 1 else "have"
