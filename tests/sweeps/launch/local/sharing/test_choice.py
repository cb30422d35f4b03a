"""How many trials at once are tried and chosen, from rates alone."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.launch.local.sharing.choice import (
    CONTEXT_BYTES,
    MPS,
    PLAIN,
    Measured,
    choose,
    how_many_fit,
    is_worth,
    next_to_try,
)

GIB = 2**30


@pytest.mark.parametrize(
    ("rates", "way", "trials", "text"),
    [
        ([(PLAIN, 1, 100)], PLAIN, 1, "1 trial at a time on a GPU"),
        ([(PLAIN, 1, 100), (PLAIN, 2, 104)], PLAIN, 1, "1 trial at a time on a GPU"),
        ([(PLAIN, 1, 100), (PLAIN, 2, 180), (PLAIN, 4, 185)], PLAIN, 2, "2 trials at once: 1.8"),
        ([(PLAIN, 1, 100), (PLAIN, 2, 90)], PLAIN, 1, "1 trial"),
        (
            [(PLAIN, 1, 100), (PLAIN, 2, 105), (MPS, 2, 190), (MPS, 4, 310), (MPS, 8, 315)],
            MPS,
            4,
            "4 trials at once under MPS: 3.1 times one",
        ),
        ([(PLAIN, 1, 100), (PLAIN, 2, 180), (MPS, 2, 182)], PLAIN, 2, "2 trials at once: 1.8"),
    ],
)
def test_the_fastest_is_chosen(
    rates: list[tuple[str, int, float]], way: str, trials: int, text: str
) -> None:
    """Of what is close to it, the fewest trials, and plain processes before MPS."""
    packing = choose([Measured(*rate) for rate in rates])
    assert (packing.way, packing.trials) == (way, trials)
    assert str(packing).startswith(text)


@pytest.mark.parametrize(
    ("trials", "at_once"),
    [(0, 8), (1, 1), (8, 8), (9, 9), (16, 8), (17, 9), (18, 9), (24, 8), (4, 4), (5, 8)],
)
def test_the_last_trials_count(trials: int, at_once: int) -> None:
    """Those of the last round have the device to fewer, and the sweep waits for them."""
    rates = [(PLAIN, 1, 414), (MPS, 2, 600), (MPS, 4, 710), (MPS, 8, 982), (MPS, 9, 985)]
    packing = choose([Measured(*rate) for rate in rates], trials=trials)
    assert packing.trials == at_once


@pytest.mark.parametrize(
    ("start", "steps", "at_once"),
    [(0.0, 10_000, 8), (3.0, 100, 16), (3.0, 1000, 16), (3.0, 100_000, 8)],
)
def test_starts_count_where_trials_are_short(start: float, steps: int, at_once: int) -> None:
    """Sixteen at once start once, and eight at once twice; rates alone would say eight."""
    rates = [Measured(PLAIN, 1, 414, start), Measured(MPS, 8, 982, start)]
    rates.append(Measured(MPS, 16, 985, start))
    assert choose(rates, trials=16, steps=steps).trials == at_once


@pytest.mark.parametrize(
    ("rates", "limit", "tried"),
    [
        ({1: 100}, 1, [1]),
        ({1: 100, 2: 150}, 2, [1, 2]),
        ({1: 100, 4: 250, 9: 300}, 9, [1, 4, 9]),
        ({1: 100, 4: 250, 16: 300}, 16, [1, 4, 16]),
        ({1: 100, 4: 250, 16: 260}, 16, [1, 4, 16]),
        ({1: 100, 4: 105}, 16, [1, 4]),  # it does not pay
        ({1: 100, 2: 95, 4: 90}, 16, [1, 4, 2]),  # slower: the middle, and no more
        ({1: 100, 2: 150, 4: 90}, 16, [1, 4, 2]),
        ({1: 100, 4: 250, 8: 300, 16: 200}, 16, [1, 4, 16, 8]),
        ({1: 100, 2: 150}, 16, [1, 2]),  # four failed
        ({1: 100}, 16, [1]),  # two as well
        ({1: 100, 4: 250, 8: 300}, 16, [1, 4, 8]),
        ({1: 100, 4: 250}, 9, [1, 4]),  # nine failed, which is close to four
    ],
)
def test_four_times_as_many_are_tried(
    rates: dict[int, float], limit: int, tried: list[int]
) -> None:
    """Up to all, as long as it pays; a number without a rate fails, and each is tried once."""
    measured: list[Measured] = []
    count: int | None = 1
    attempts, failed = [], None
    while count is not None:
        attempts.append(count)
        if count in rates:
            measured.append(Measured(MPS, count, rates[count]))
        else:
            failed = count
        count = next_to_try(measured, limit, failed)
    assert [each.trials for each in measured] == tried
    assert len(attempts) == len(set(attempts)) <= 5


@pytest.mark.parametrize(
    ("free", "each", "fit"),
    [(80 * GIB, 8 * GIB, 8), (80 * GIB, 0, 122), (GIB, 8 * GIB, 1), (0, GIB, 1)],
)
def test_only_what_fits_is_leased(free: int, each: int, fit: int) -> None:
    """With a context a process, and headroom; one trial is always tried."""
    assert how_many_fit(free, each) == fit
    assert fit == 1 or fit * (each + CONTEXT_BYTES) <= 0.9 * free


def test_more_trials_have_to_pay() -> None:
    """By a tenth, or the search ends; and short sweeps are not worth a calibration."""
    alone = Measured(PLAIN, 1, 100)
    assert next_to_try([alone, Measured(PLAIN, 4, 111)], 16) == 16
    assert next_to_try([alone, Measured(PLAIN, 4, 109)], 16) is None
    assert is_worth(16, 1000, 100)
    assert not is_worth(16, 100, 100)
    assert not is_worth(1, 10**6, 100)
