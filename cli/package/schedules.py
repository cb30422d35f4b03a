"""The learning-rate regimes as schedulers of torch, for a training loop of your own.

Each takes an optimizer and the number of steps of the whole training, and is a
`torch.optim.lr_scheduler.LambdaLR`: call `step()` after each step of the optimizer. Its factors are
those of the trick of that name, at the share of training that is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.lr_regime import (
    Cosine,
    CosinePowerCycles,
    GammaDecay,
    InverseTime,
    OneCycle,
    Staircase,
    Step,
)
from darkmagic.trainers.tricks.lr_warmup import LrWarmup

__all__ = [
    "cosine",
    "cosine_power",
    "exponential",
    "inverse_time",
    "of_tricks",
    "one_cycle",
    "staircase",
    "step",
    "warmup",
]


def cosine_power(
    optimizer: Optimizer,
    total_steps: int,
    cycles: int = 2,
    power: float = 2.0,
    amplitude_decay: float = 0.5,
    warmup: float = 0.05,
    warmup_start: float = 0.1,
) -> LambdaLR:
    """Warm up, then fall `cycles` times along cosine power annealing, each cycle lower.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = cosine_power(optimizer, total_steps=20)
    >>> rates = []
    >>> for _ in range(20):
    ...     rates.append(round(scheduler.get_last_lr()[0], 2))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates[:3], rates[-3:]
    ([0.1, 1.0, 0.96], [0.09, 0.04, 0.01])
    """
    trick = CosinePowerCycles(cycles, power, amplitude_decay, warmup, warmup_start)
    return of_tricks(optimizer, total_steps, trick)


def cosine(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Fall once along half a cosine, to 0.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(cosine(optimizer, 4).lr_lambdas[0](step), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    return of_tricks(optimizer, total_steps, Cosine())


def exponential(optimizer: Optimizer, total_steps: int, final: float = 0.01) -> LambdaLR:
    """Fall by one factor a step, to `final` times the base lr.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(exponential(optimizer, 4).lr_lambdas[0](step), 3) for step in range(5)]
    [1.0, 0.316, 0.1, 0.032, 0.01]
    """
    return of_tricks(optimizer, total_steps, GammaDecay(final))


def step(
    optimizer: Optimizer,
    total_steps: int,
    milestones: Sequence[float] = (0.5, 0.75),
    factor: float = 0.1,
) -> LambdaLR:
    """Multiply by `factor` at each of `milestones`, shares of training.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(step(optimizer, 4).lr_lambdas[0](at), 3) for at in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    return of_tricks(optimizer, total_steps, Step(milestones, factor))


def staircase(
    optimizer: Optimizer, total_steps: int, drops: int = 10, final: float = 0.01
) -> LambdaLR:
    """Fall to `final` times the base lr in `drops` even drops.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(staircase(optimizer, 4, drops=2).lr_lambdas[0](step), 3) for step in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    return of_tricks(optimizer, total_steps, Staircase(drops, final))


def inverse_time(optimizer: Optimizer, total_steps: int, final: float = 0.01) -> LambdaLR:
    """Fall as 1 / (1 + k t), to `final` times the base lr.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(inverse_time(optimizer, 4).lr_lambdas[0](step), 3) for step in range(5)]
    [1.0, 0.039, 0.02, 0.013, 0.01]
    """
    return of_tricks(optimizer, total_steps, InverseTime(final))


def one_cycle(
    optimizer: Optimizer,
    total_steps: int,
    peak: float = 0.3,
    start: float = 1 / 25,
    final: float = 1 / 250_000,
) -> LambdaLR:
    """Rise from `start` times the base lr until `peak`, a share of training, then fall to `final`.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(one_cycle(optimizer, 4).lr_lambdas[0](step), 3) for step in range(5)]
    [0.04, 0.936, 0.812, 0.283, 0.0]
    """
    return of_tricks(optimizer, total_steps, OneCycle(peak, start, final))


def warmup(
    optimizer: Optimizer, total_steps: int, share: float = 5 / 90, start: float = 0.0
) -> LambdaLR:
    """Rise linearly from `start` times the base lr over the first `share` of training, and stay.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> [round(warmup(optimizer, 4, share=0.5).lr_lambdas[0](step), 3) for step in range(5)]
    [0.0, 0.5, 1.0, 1.0, 1.0]
    """
    return of_tricks(optimizer, total_steps, LrWarmup(share, start))


def of_tricks(optimizer: Optimizer, total_steps: int, *tricks: Trick) -> LambdaLR:
    """Return the scheduler of `tricks`, whose factors multiply. Raises `ValueError` for no steps.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = of_tricks(optimizer, 4, Cosine(), LrWarmup(share=0.5))
    >>> [round(scheduler.lr_lambdas[0](step), 3) for step in range(5)]
    [0.0, 0.427, 0.5, 0.146, 0.0]
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer is {type(optimizer).__name__}; give an optimizer of torch")
    check_steps("total_steps", total_steps)
    return LambdaLR(optimizer, partial(_factor, tricks, total_steps))


def check_steps(name: str, steps: object) -> None:
    """Raise `TypeError` or `ValueError` for a number of steps that is none."""
    if isinstance(steps, bool) or not isinstance(steps, Integral):
        raise TypeError(f"{name}={steps!r}: {name} takes a whole number")
    if steps < 1:
        raise ValueError(f"{name}={steps}: need 1 or more, those of the whole training")


def _factor(tricks: Sequence[Trick], total_steps: int, done: int) -> float:
    factor = 1.0
    for trick in tricks:
        factor *= trick.lr_factor(min(done / total_steps, 1.0))
    return factor
