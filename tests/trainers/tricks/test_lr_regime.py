"""lr_regime: the schedules against their closed forms, and their limits."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from darkmagic.trainers.tricks.lr_regime import (
    Cosine,
    CosinePowerCycles,
    GammaDecay,
    InverseTime,
    OneCycle,
    Staircase,
    Step,
    cosine_power,
)

CONTRACT = {"changes": ["update", "lr"]}

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


def _by_torch(
    make: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler], steps: int
) -> list[float]:
    """Return the rates that a scheduler of torch gives an optimizer of lr 1, step by step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_step_is_torchs_multi_step() -> None:
    """A tenth at half of training, a hundredth at three quarters."""
    rates = _by_torch(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [50, 75], 0.1), 100)
    assert [Step().lr_factor(step / 100) for step in range(100)] == pytest.approx(rates)


def test_staircase_is_torchs_step_lr() -> None:
    """Each drop by one factor; the last tread is at `final`, and as wide as the others."""
    regime = Staircase(drops=4, final=0.0016)
    rates = _by_torch(lambda o: torch.optim.lr_scheduler.StepLR(o, 20, 0.2), 100)
    assert [regime.lr_factor(step / 100) for step in range(100)] == pytest.approx(rates)
    assert regime.lr_factor(1) == pytest.approx(0.0016)


def test_inverse_time_is_one_over_t() -> None:
    """Its reciprocal rises linearly, from 1 to 1 / final."""
    regime = InverseTime(final=0.01)
    reciprocals = [1 / regime.lr_factor(x) for x in PLACES]
    assert reciprocals == pytest.approx([1 + 99 * x for x in PLACES])


def test_one_cycle_is_torchs() -> None:
    """With torch's defaults; torch puts the peak one step earlier, and ends a step earlier."""
    steps = 2000
    rates = _by_torch(
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=steps, cycle_momentum=False
        ),
        steps - 1,
    )
    ours = [OneCycle().lr_factor(step / steps) for step in range(steps - 1)]
    assert ours == pytest.approx(rates, abs=3e-3)
    assert OneCycle().lr_factor(0.3) == 1
    assert OneCycle().lr_factor(1) == pytest.approx(1 / 250_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CosinePowerCycles(cycles=0),
        lambda: CosinePowerCycles(warmup=1.0),
        lambda: CosinePowerCycles(power=0.0),
        lambda: Step(milestones=(0.5, 1.0)),
        lambda: Step(factor=0.0),
        lambda: Staircase(drops=0),
        lambda: Staircase(final=0.0),
        lambda: InverseTime(final=0.0),
        lambda: OneCycle(peak=1.0),
        lambda: OneCycle(start=0.0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
