"""The one clock of steps: how many it takes, and when it stops."""

from __future__ import annotations

import time

import pytest
import torch

from darkmagic.trainers.step.timing import time_steps

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        ({"steps": 4}, 4),
        ({"steps": 4, "between": 3}, 4),
        ({"steps": 2, "between": 5}, 2),
        ({"seconds": 0.0}, 1),
        ({"seconds": 0.0, "between": 3}, 3),
        ({"steps": 4, "seconds": 0.0}, 1),
        ({"steps": 4, "seconds": 60.0}, 4),
    ],
)
def test_steps_end_at_the_first_limit(limits: dict[str, float], steps: int) -> None:
    """Steps end at their number or when their time is up, read between so many of them."""
    taken: list[None] = []
    timing = time_steps(lambda: taken.append(None), CPU, **limits)  # type: ignore[arg-type]
    assert timing.steps == len(taken) == steps


def test_step_takes_its_share_of_the_time() -> None:
    """The seconds of all steps, divided by their number, are no less than each one slept."""
    timing = time_steps(lambda: time.sleep(0.01), CPU, steps=3)
    assert timing.seconds >= 3 * 0.01
    assert timing.step_seconds == pytest.approx(timing.seconds / 3)
