"""scheduled_weight_decay: a line of the same mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkmagic.trainers.tricks.scheduled_weight_decay import LinearWeightDecay

CONTRACT = {"changes": ["update", "weight_decay"]}

PLACES = [i / 50 for i in range(51)]


@pytest.mark.parametrize("start", [0.0, 0.5, 1.0])
def test_linear_weight_decay_keeps_the_mean(start: float) -> None:
    """It rises, and its mean over training is that of the fixed decay."""
    trick = LinearWeightDecay(start)
    values = [trick.weight_decay_factor(x) for x in PLACES]
    assert sum(values) / len(values) == pytest.approx(1)
    assert values == sorted(values)
    assert values[0] == start


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearWeightDecay(start=1.5),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
