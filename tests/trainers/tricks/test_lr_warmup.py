"""lr_warmup: a line that stays at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkmagic.trainers.tricks.lr_warmup import LrWarmup


def test_warmup_rises_in_a_line_and_stays() -> None:
    """From `start` to 1 at `share`."""
    trick = LrWarmup(share=0.2, start=0.5)
    assert [trick.lr_factor(x) for x in (0, 0.1, 0.2, 0.7, 1)] == pytest.approx(
        [0.5, 0.75, 1, 1, 1]
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: LrWarmup(share=0.0),
        lambda: LrWarmup(start=1.0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
