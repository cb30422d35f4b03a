"""The learning-rate range test: raise the rate step by step and watch the loss.

Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186),
section 3.3. The suggested rate is a third of the one at which the smoothed loss is lowest: by
then the loss has fallen over many rates, and what is best for a step is too high to stay at.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["Curve", "check_learning_rate", "range_test", "read_curve"]

LOWEST, HIGHEST = 1e-4, 10.0  # of the trial's peak rate
STEPS, FEWEST = 60, 24
IMAGES = 64  # a step: the curve needs many steps and not large ones
SMOOTHING = 0.8  # of an exponential average of the losses
FALLS = 0.9  # of the first loss; above it the loss is flat
EXPLODES = 1.5  # of the first loss
WASTEFUL, HOPELESS = 5, 30  # times the suggested rate
TIMID = 1 / 50


@dataclass(frozen=True)
class Curve:
    """The smoothed loss, in nats, at each of the learning rates, which rise."""

    rates: Sequence[float]
    losses: Sequence[float]
    peak: float  # the trial's highest rate

    @property
    def start(self) -> float:
        """The loss before the rates do anything."""
        first = self.losses[:5]
        return sum(first) / len(first)

    @property
    def best(self) -> int:
        """The place of the lowest loss."""
        return min(range(len(self.losses)), key=lambda place: _finite(self.losses[place]))

    @property
    def falls(self) -> bool:
        """Whether the loss falls at any rate."""
        return self.losses[self.best] < FALLS * self.start

    @property
    def exploding(self) -> float | None:
        """The first rate at which the loss is far above where it began."""
        worse = (place for place, loss in enumerate(self.losses) if _explodes(loss, self.start))
        place = next(worse, None)
        return None if place is None else self.rates[place]

    @property
    def suggested(self) -> float | None:
        """A third of the best rate; where no rate is good, a tenth of the first bad one."""
        if self.falls:
            return self.rates[self.best] / 3
        return None if self.exploding is None else self.exploding / 10


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _explodes(loss: float, start: float) -> bool:
    return not math.isfinite(loss) or loss > EXPLODES * start


def range_test(setup: Setup, seconds: float) -> Curve:
    """Train a copy of the network at rates from far below the trial's peak to ten times it.

    Its loss and its optimizer are the trial's; images are not augmented nor mixed, which only
    blurs the curve. A network so slow that `STEPS` steps take more than `seconds` gets fewer.
    """
    hooks, network = setup.hooks(), setup.network()
    optimizer = hooks.build_optimizer(network)
    peak = max(hooks.factors(i / 100)[0] for i in range(101))
    small = dataclasses.replace(setup.recipe, batch_size=min(IMAGES, setup.recipe.batch_size))
    still = dataclasses.replace(setup.data, pad=0, flip=False)
    plain = dataclasses.replace(setup, recipe=small, data=still)
    batches = plain.training_batches(setup.quiet_hooks())
    rates: list[float] = []
    losses: list[float] = []
    average, fraction = 0.0, 0.0  # of the way from the lowest rate to the highest
    stride = 1 / (STEPS - 1)
    torch.manual_seed(0)
    started = time.perf_counter()
    while fraction <= 1 + 1e-9:
        images, targets = next(batches)
        factor = peak * LOWEST * (HIGHEST / LOWEST) ** fraction
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        loss = hooks.loss(network(images).float(), targets)
        average = SMOOTHING * average + (1 - SMOOTHING) * loss.item()
        rates.append(optimizer.param_groups[0]["lr"])
        losses.append(average / (1 - SMOOTHING ** len(rates)))
        if not math.isfinite(losses[-1]):
            break
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if len(rates) == 3:  # the first warm up
            step_seconds = (time.perf_counter() - started) / 3
            affordable = min(STEPS, max(FEWEST, int(seconds / step_seconds)))
            stride = (1 - fraction) / (affordable - 3)
        fraction += stride
    return Curve(rates, losses, optimizer.param_groups[0]["base_lr"] * peak)


def check_learning_rate(setup: Setup, seconds: float) -> Finding:
    """Make the test and hold the trial's peak rate to the curve."""
    if not any(p.requires_grad for p in setup.untrained.parameters()):
        return Finding("learning rate", Level.STOP, "nothing to train", "unfreeze the network")
    return read_curve(range_test(setup, seconds))


def read_curve(curve: Curve) -> Finding:
    """Say what the curve means for the trial's rate."""
    figures = {
        "rates": list(curve.rates),
        "losses": [loss if math.isfinite(loss) else None for loss in curve.losses],
        "peak": curve.peak,
        "suggested": curve.suggested,
    }
    if curve.suggested is None:
        return Finding(
            "learning rate",
            Level.WARNING,
            f"the loss is flat from {_short(curve.rates[0])} to {_short(curve.rates[-1])}",
            "raise the rate (lr), or look at what else keeps the network from learning",
            figures,
        )
    ratio = curve.peak / curve.suggested
    rate = f"about {_short(curve.suggested)}"
    end = f"; the loss explodes from {_short(curve.exploding)}" if curve.exploding else ""
    seen = f"peak {curve.peak:.3g}; suggested {rate}{end}"
    if ratio >= HOPELESS:
        advice = f"the rate is {ratio:.0f} times too high: lower it to {rate} (lr, adam_lr)"
        return Finding("learning rate", Level.STOP, seen, advice, figures)
    if ratio >= WASTEFUL:
        advice = f"the rate may be too high: try {rate}, or a longer warm-up"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    if ratio <= TIMID:
        advice = f"the loss hardly moves at this rate: raise it to {rate} (lr, adam_lr)"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    return Finding("learning rate", Level.OK, seen, figures=figures)


def _short(rate: float) -> str:
    """Return one digit of it, and no exponent where it reads well without."""
    return f"{float(f'{rate:.0e}'):g}"
