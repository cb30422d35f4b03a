"""lr_regime: how the learning rate moves over training.

What: `CosinePowerCycles` warms up linearly and then repeats cosine power annealing, each
cycle peaking lower than the one before; `GammaDecay` multiplies the rate by a constant
factor a step; `Cosine` falls once along half a cosine; `Step` divides it at milestones;
`Staircase` takes the exponential fall in even steps; `InverseTime` falls as 1/t; `OneCycle`
rises for a third and falls far below where it began. `constant` stays.
Why: a rate that is high for long explores, one that is low at the end settles; restarts
leave a poor basin, and their lower peaks keep what was found.
When it helps: nearly always. Cycles need room: with few epochs, one fall may do better. 1/t
falls fast while the rate still matters, and rarely wins on deep networks.
Conflicts: an optimizer that adapts its own rates gains less, and `optimizer=schedule_free`
replaces the regime by its own.
Source: XNAS, Nayman et al. 2019 (arXiv 1906.08031), section 3.3, for the cosine power annealing
that the article names, after sharpDARTS, Hundt et al. 2019 (arXiv 1903.09900);
SGDR, Loshchilov & Hutter 2017 (arXiv 1608.03983), for restarts and cosine annealing;
Goyal et al. 2017 (arXiv 1706.02677), section 2.2, for warm-up; He et al. 2016 (arXiv
1512.03385), section 4.2, for the milestones; Szegedy et al. 2016 (arXiv 1512.00567), section
8, for the staircase; Robbins & Monro 1951 for 1/t; Smith & Topin 2018 (arXiv 1708.07120) for
one cycle, here of the rate alone and not of the momentum.
Published:
- cosine against step decay: +0.69; ResNeXt-50; ImageNet; 120 epochs, SGD; Apollo README, image
  classification table
- cosine against step decay: +0.13; ResNet-preact-56; CIFAR-10; 160 epochs, median of 5;
  hysts/pytorch_image_classification README, residual units table
- cosine against step: +0.25; PreResNet-20; CIFAR-10; 250 epochs, step at 40, 60 and 80 % of them;
  CIFAR-ZOO README, table of learning rate schedulers
- cosine against step: +0.24; PreResNet-110; CIFAR-10; 250 epochs, step at 40, 60 and 80 % of them;
  CIFAR-ZOO README, table of learning rate schedulers
- cosine_power_cycles against cosine: none found.
- gamma_decay against cosine_power_cycles: none found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.trainers.fields import number, numbers, whole
from darkmagic.trainers.trick import Trick

__all__ = [
    "Cosine",
    "CosinePowerCycles",
    "GammaDecay",
    "InverseTime",
    "OneCycle",
    "Staircase",
    "Step",
    "cosine_power",
]


def cosine_power(x: float, power: float) -> float:
    """Return cosine power annealing at `x` in [0, 1] of a cycle: 1 at 0, 0 at 1.

    `power` is above 0. As it nears 1 the curve nears cosine annealing, which is returned at
    1, where the closed form is 0/0. Source: XNAS, equation 11.

    >>> [round(cosine_power(x, power=2), 3) for x in (0, 0.5, 1)]
    [1.0, 0.414, 0.0]
    """
    c = (1 + math.cos(math.pi * x)) / 2
    if abs(power - 1) < 1e-6:
        return c
    return float((power ** (c + 1) - power) / (power**2 - power))


@dataclass(frozen=True)
class CosinePowerCycles(Trick):
    """Warm up, then fall `cycles` times, each cycle `amplitude_decay` times as high.

    >>> regime = CosinePowerCycles(cycles=2)
    >>> [round(regime.lr_factor(x), 3) for x in (0, 0.05, 0.3, 0.525, 0.75, 1)]
    [0.1, 1.0, 0.374, 0.5, 0.228, 0.0]
    """

    cycles: int = whole(2, at_least=1)
    power: float = number(2.0, above=0)
    amplitude_decay: float = number(0.5, above=0, at_most=1)
    warmup: float = number(0.05, at_least=0, below=1)  # share of training
    warmup_start: float = number(0.1, at_least=0, at_most=1)  # share of the base lr

    def lr_factor(self, progress: float) -> float:
        if progress < self.warmup:
            return self.warmup_start + (1 - self.warmup_start) * progress / self.warmup
        position = (progress - self.warmup) / (1 - self.warmup) * self.cycles
        cycle = min(int(position), self.cycles - 1)
        return self.amplitude_decay**cycle * cosine_power(position - cycle, self.power)


@dataclass(frozen=True)
class GammaDecay(Trick):
    """Fall exponentially from the base lr to `final` times it.

    >>> [round(GammaDecay(final=0.01).lr_factor(x), 3) for x in (0, 0.5, 1)]
    [1.0, 0.1, 0.01]
    """

    final: float = number(0.01, above=0, at_most=1)

    def lr_factor(self, progress: float) -> float:
        return float(self.final**progress)


@dataclass(frozen=True)
class Cosine(Trick):
    """Fall once along half a cosine, from the base lr to 0.

    >>> [round(Cosine().lr_factor(x), 3) for x in (0, 0.25, 0.5, 0.75, 1)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def lr_factor(self, progress: float) -> float:
        return cosine_power(progress, power=1)


@dataclass(frozen=True)
class Step(Trick):
    """Multiply by `factor` at each of `milestones`, shares of training.

    >>> [round(Step().lr_factor(x), 3) for x in (0, 0.5, 0.8)]
    [1.0, 0.1, 0.01]
    """

    milestones: Sequence[float] = numbers((0.5, 0.75), above=0, below=1)
    factor: float = number(0.1, above=0, below=1)

    def lr_factor(self, progress: float) -> float:
        return float(self.factor ** sum(progress >= position for position in self.milestones))


@dataclass(frozen=True)
class Staircase(Trick):
    """Fall from the base lr to `final` times it in `drops` drops by one factor, evenly spaced.

    >>> [round(Staircase(drops=2).lr_factor(x), 3) for x in (0, 0.3, 0.5, 0.9)]
    [1.0, 1.0, 0.1, 0.01]
    """

    drops: int = whole(10, at_least=1)
    final: float = number(0.01, above=0, below=1)

    def lr_factor(self, progress: float) -> float:
        done = min(int(progress * (self.drops + 1)), self.drops)
        return float(self.final ** (done / self.drops))


@dataclass(frozen=True)
class InverseTime(Trick):
    """Fall as 1 / (1 + k t), from the base lr to `final` times it.

    >>> [round(InverseTime(final=0.01).lr_factor(x), 3) for x in (0, 0.5, 1)]
    [1.0, 0.02, 0.01]
    """

    final: float = number(0.01, above=0, below=1)

    def lr_factor(self, progress: float) -> float:
        return 1 / (1 + (1 / self.final - 1) * progress)


@dataclass(frozen=True)
class OneCycle(Trick):
    """Rise from `start` times the base lr until `peak`, then fall to `final` times it.

    `peak` is a share of training; both ways follow half a cosine.

    >>> [round(OneCycle().lr_factor(x), 3) for x in (0, 0.15, 0.3, 0.65, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """

    peak: float = number(0.3, above=0, below=1)
    start: float = number(1 / 25, above=0, at_most=1)
    final: float = number(1 / 250_000, at_least=0, below=1)

    def lr_factor(self, progress: float) -> float:
        if progress < self.peak:
            return self.start + (1 - self.start) * (1 - cosine_power(progress / self.peak, 1))
        fall = cosine_power((progress - self.peak) / (1 - self.peak), 1)
        return self.final + (1 - self.final) * fall
