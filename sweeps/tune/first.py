"""What a study tries first: the recipe that the sweeps before it predict to be best."""

from __future__ import annotations

from collections.abc import Collection

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.designs.crossed.prediction import predict_best

__all__ = ["predicted_best"]

Choice = tuple[str, str]


def predicted_best(
    comparison: Comparison, apart: Collection[tuple[Choice, Choice]] = ()
) -> dict[str, str] | None:
    """Return the options that are probably best together, each trick's; None if none promises.

    A screen has predicted them; of a sweep of one trick at a time they are each trick's best.
    """
    if comparison.screen is not None:
        prediction = comparison.screen.prediction
    else:
        rows = comparison.tricks
        options = [(str(row.trick), str(row.option)) for row in rows]
        taken = [index for index, row in enumerate(rows, start=1) if row.outlook is not None]
        prediction = predict_best(comparison.effects, options, taken, apart)
    return None if prediction is None else dict(prediction.choices)
