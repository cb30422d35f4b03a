"""Grids of `refine`: around the number, within what its field takes, the number in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkmagic.sweeps.tune.grid import grid_around
from darkmagic.trainers.declare.kinds import Declared, Kind

SHARE = Declared(Kind.NUMBER, 0.1, above=0, below=1)
PIXELS = Declared(Kind.WHOLE, 1, at_least=1)


@pytest.mark.parametrize(
    ("value", "declared", "grid"),
    [
        (0.2, None, [0.05, 0.1, 0.2, 0.4, 0.8]),
        (0.4, SHARE, [0.1, 0.2, 0.4, 0.8]),
        (0.9, SHARE, [0.6, 0.8, 0.9, 0.95, 0.975]),
        (16, PIXELS, [4, 8, 16, 32, 64]),
        (1, PIXELS, [1, 2, 4]),
        (0.0, None, [0.0]),
    ],
)
def test_grid_is_around_the_number(
    value: float, declared: Declared | None, grid: list[float]
) -> None:
    """Numbers are doubled and halved; shares near 1 by what they leave; whole ones stay whole."""
    assert grid_around("x", value, declared) == pytest.approx(grid)


@given(
    value=st.floats(1e-9, 0.999),
    points=st.integers(2, 20),
    factor=st.floats(1.1, 100),
)
def test_every_number_is_taken_by_the_field(value: float, points: int, factor: float) -> None:
    """Whatever the number, the grid has it, in ascending order, and nothing that is refused."""
    grid = grid_around("x", value, SHARE, points=points, factor=factor)
    assert value in grid
    assert grid == sorted(set(grid))
    assert all(SHARE.problem("x", each) is None for each in grid)
