"""lr_regime: how the learning rate moves over training.

What: `CosinePowerCycles` warms up linearly and then repeats cosine power annealing, each
cycle peaking lower than the one before; `GammaDecay` multiplies the rate by a constant
factor a step; `Cosine` falls once along half a cosine.
Why: a rate that is high for long explores, one that is low at the end settles; restarts
leave a poor basin, and their lower peaks keep what was found.
When it helps: nearly always. Cycles need room: with few epochs, one fall may do better.
Conflicts: none. An optimizer that adapts its own rates gains less.
Source: XNAS, Nayman et al. 2019 (arXiv 1906.08031), section 3.3, for the cosine power annealing
that the article names, after sharpDARTS, Hundt et al. 2019 (arXiv 1903.09900);
SGDR, Loshchilov & Hutter 2017 (arXiv 1608.03983), for restarts and cosine annealing;
Goyal et al. 2017 (arXiv 1706.02677), section 2.2, for warm-up.
Published:
- cosine against step decay: +0.69; ResNeXt-50; ImageNet; 120 epochs, SGD; Apollo README, image
  classification table
- cosine against step decay: +0.13; ResNet-preact-56; CIFAR-10; 160 epochs, median of 5;
  hysts/pytorch_image_classification README, residual units table
- cosine_power_cycles against cosine: none found.
- gamma_decay against cosine_power_cycles: none found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkmagic.trainers.trick import Trick

__all__ = ["Cosine", "CosinePowerCycles", "GammaDecay", "cosine_power"]


def cosine_power(x: float, power: float) -> float:
    """Return cosine power annealing at `x` in [0, 1] of a cycle: 1 at 0, 0 at 1.

    `power` is above 0. As it nears 1 the curve nears cosine annealing, which is returned at
    1, where the closed form is 0/0. Source: XNAS, equation 11.
    """
    c = (1 + math.cos(math.pi * x)) / 2
    if abs(power - 1) < 1e-6:
        return c
    return float((power ** (c + 1) - power) / (power**2 - power))


@dataclass(frozen=True)
class CosinePowerCycles(Trick):
    """Warm up, then fall `cycles` times, each cycle `amplitude_decay` times as high."""

    cycles: int = 2
    power: float = 2.0
    amplitude_decay: float = 0.5
    warmup: float = 0.05  # share of training
    warmup_start: float = 0.1  # share of the base lr

    def __post_init__(self) -> None:
        if self.cycles < 1 or not 0 <= self.warmup < 1 or self.power <= 0:
            raise ValueError(
                f"cycles={self.cycles}, warmup={self.warmup}, power={self.power}: "
                "need cycles >= 1, 0 <= warmup < 1 and power > 0"
            )

    def lr_factor(self, progress: float) -> float:
        if progress < self.warmup:
            return self.warmup_start + (1 - self.warmup_start) * progress / self.warmup
        place = (progress - self.warmup) / (1 - self.warmup) * self.cycles
        cycle = min(int(place), self.cycles - 1)
        return self.amplitude_decay**cycle * cosine_power(place - cycle, self.power)


@dataclass(frozen=True)
class GammaDecay(Trick):
    """Fall exponentially from the base lr to `final` times it."""

    final: float = 0.01

    def lr_factor(self, progress: float) -> float:
        return float(self.final**progress)


@dataclass(frozen=True)
class Cosine(Trick):
    """Fall once along half a cosine, from the base lr to 0."""

    def lr_factor(self, progress: float) -> float:
        return cosine_power(progress, power=1)
