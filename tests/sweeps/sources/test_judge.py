"""What a caller of `darkmagic.judge` may give, and what is refused in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.sources.judge import judge

RUNS = [
    {"trial": trial, "seed": seed, "acc": 0.1 * trial + 0.01 * seed}
    for trial in (0, 1)
    for seed in range(4)
]
FRAME = pd.DataFrame(RUNS)


def _frame(**columns: Any) -> pd.DataFrame:
    return FRAME.assign(**columns)


NAMED: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]] = {
    "a whole number": (FRAME, {"baseline": 0}),
    "numpy's number": (FRAME, {"baseline": np.int64(0), "min_effect": np.float64(0.01)}),
    "a fraction": (_frame(trial=FRAME.trial / 10), {"baseline": 0.0}),
    "a truth value": (_frame(trial=FRAME.trial == 0), {"baseline": True}),
    "a tuple": (_frame(trial=[(1, int(t)) for t in FRAME.trial]), {"baseline": (1, 0)}),
    "a date": (
        _frame(trial=pd.to_datetime(FRAME.trial, unit="D")),
        {"baseline": pd.Timestamp("1970-01-01")},
    ),
    "columns by number": (
        FRAME.set_axis([0, 1, 2], axis=1),
        {"trial": 0, "seed": 1, "metric": 2, "baseline": "0", "direction": "max"},
    ),
    "columns of levels": (
        FRAME.set_axis(pd.MultiIndex.from_product([["x"], FRAME.columns]), axis=1),
        {"metric": ("x", "acc"), "seed": ("x", "seed"), "trial": [("x", "trial")], "baseline": 0},
    ),
    "no trial": (FRAME, {"trial": None, "baseline": "0"}),
}


@pytest.mark.parametrize(("data", "named"), list(NAMED.values()), ids=list(NAMED))
def test_columns_and_values_are_named_as_the_frame_has_them(
    data: pd.DataFrame, named: Mapping[str, Any]
) -> None:
    """A number, a tuple or a truth value names the same column or trial as its text."""
    given = {"metric": "acc", "trial": "trial", "seed": "seed", **named}
    assert list(judge(data, **given).verdicts.values()) == ["better"]


WRONG: list[tuple[Any, Mapping[str, Any], str]] = [
    (RUNS, {"metric": ["acc"]}, "metric=['acc']: need the name of one column"),
    (RUNS, {"seed": {"seed"}}, "seed={'seed'}: need the name of one column"),
    (RUNS, {"metric": 5}, "--metric: the list has no column '5'"),
    (RUNS, {"baseline": ["0"]}, "baseline=['0']: need one value of the column of trials"),
    (RUNS, {"baseline": 7}, "--baseline: column 'trial' has no '7'"),
    (RUNS, {"min_effect": "big"}, "--min-effect 'big': need a number of 0 or more"),
    (RUNS, {"min_effect": None}, "--min-effect None: need a number of 0 or more"),
    (RUNS, {"direction": 1}, "no direction '1'"),
    (RUNS, {"direction": "sideways"}, "no direction 'sideways'"),
    (RUNS, {"status": 3}, "--status: the list has no column '3'"),
    ({"trial": "base", "acc": 0.5}, {}, "the dictionary has no list of cells in 'trial'"),
    ({"trial": ["base"], "acc": 0.5}, {}, "the dictionary has no list of cells in 'acc'"),
    ("", {}, "the source has no name"),
]


@pytest.mark.parametrize(("data", "named", "message"), WRONG)
def test_wrong_word_of_a_caller_is_one_line(
    data: Any, named: Mapping[str, Any], message: str
) -> None:
    """It is a `UserError` that says the option, before anything is guessed."""
    given = {"metric": "acc", "trial": "trial", "baseline": 0, **named}
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        judge(data, **given)
    assert "\n" not in str(caught.value)
