"""The schedules against their closed forms, and their limits."""

from __future__ import annotations

import math

import pytest

from darkmagic.trainers.tricks.lr_regime import (
    Cosine,
    CosinePowerCycles,
    GammaDecay,
    cosine_power,
)
from darkmagic.trainers.tricks.scheduled_weight_decay import LinearWeightDecay

PLACES = [i / 50 for i in range(51)]


@pytest.mark.parametrize("power", [0.5, 1.0, 1.0001, 2.0, 10.0, 50.0])
def test_cosine_power_starts_at_one_and_ends_at_zero(power: float) -> None:
    """Both ends, and falling all the way."""
    assert cosine_power(0, power) == pytest.approx(1)
    assert cosine_power(1, power) == pytest.approx(0, abs=1e-9)
    values = [cosine_power(x, power) for x in PLACES]
    assert values == sorted(values, reverse=True)


def test_cosine_power_is_the_papers_formula() -> None:
    """XNAS, equation 11, at P = 2."""
    for x in PLACES:
        c = (1 + math.cos(math.pi * x)) / 2
        assert cosine_power(x, 2) == pytest.approx((2 ** (c + 1) - 2) / (4 - 2))


def test_cosine_power_nears_cosine_as_p_nears_one() -> None:
    """The limit where the formula is 0/0."""
    for x in PLACES:
        cosine = (1 + math.cos(math.pi * x)) / 2
        assert cosine_power(x, 1) == pytest.approx(cosine)
        assert cosine_power(x, 1 + 1e-4) == pytest.approx(cosine, abs=1e-4)


def test_larger_powers_fall_sooner() -> None:
    """And are flatter in the last third."""
    assert cosine_power(0.3, 10) < cosine_power(0.3, 2) < cosine_power(0.3, 1)
    drop = [cosine_power(2 / 3, p) - cosine_power(1, p) for p in (10, 2, 1)]
    assert drop == sorted(drop)


def test_cycles_peak_lower_each_time() -> None:
    """After a linear warm-up, each cycle starts at the decayed amplitude and ends at 0."""
    regime = CosinePowerCycles(cycles=3, amplitude_decay=0.5, warmup=0.1, warmup_start=0.2)
    starts = [0.1 + 0.9 * cycle / 3 for cycle in range(3)]
    assert [regime.lr_factor(start + 1e-9) for start in starts] == pytest.approx([1, 0.5, 0.25])
    for start in starts[1:]:
        assert regime.lr_factor(start - 1e-6) == pytest.approx(0, abs=1e-4)
    assert regime.lr_factor(1.0) == pytest.approx(0)
    assert regime.lr_factor(0) == pytest.approx(0.2)
    assert regime.lr_factor(0.05) == pytest.approx(0.6)


def test_gamma_decay_falls_by_one_factor_a_step() -> None:
    """The ratio of neighbours is the same everywhere, and the end is `final`."""
    regime = GammaDecay(final=0.01)
    ratios = [
        regime.lr_factor(a) / regime.lr_factor(b) for a, b in zip(PLACES[1:], PLACES, strict=False)
    ]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert regime.lr_factor(0) == 1
    assert regime.lr_factor(1) == pytest.approx(0.01)


def test_cosine_is_half_a_cosine() -> None:
    """Once down."""
    for x in PLACES:
        assert Cosine().lr_factor(x) == pytest.approx((1 + math.cos(math.pi * x)) / 2)


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
        lambda: CosinePowerCycles(cycles=0),
        lambda: CosinePowerCycles(warmup=1.0),
        lambda: CosinePowerCycles(power=0.0),
        lambda: LinearWeightDecay(start=1.5),
    ],
)
def test_bad_fields_are_refused(make: object) -> None:
    """With a line that says what is needed."""
    assert callable(make)
    with pytest.raises(ValueError, match="need"):
        make()
