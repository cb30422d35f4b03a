"""The learning-rate range test: raise the rate step by step and watch the loss.

Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186),
section 3.3. The suggested rate is a third of the one at which the smoothed loss is lowest: by
then the loss has fallen over many rates, and what is best for a step is too high to stay at.
A curve that is flat or falls up to its end goes on to rates higher still.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.preflight.steps import Steps

__all__ = ["Curve", "check_learning_rate", "range_test", "read_curve"]

LOWEST, HIGHEST = 1e-3, 100.0  # of the trial's peak rate
MAX_STEPS, MIN_STEPS = 60, 20  # of a range test, a rate each
FULL_STEP_RATIO = (HIGHEST / LOWEST) ** (1 / (MAX_STEPS - 1))  # from a rate to the next
MAX_OVERTIME = 3  # times the seconds that it may take at most
EXTRA_DECADES, END_STEPS = 3, 3  # decades, where the curve is flat or falls to its end; steps
MAX_LOSS_RATIO = 4.0  # times the first loss: nothing is to be seen beyond
SMOOTHING = 0.8  # of an exponential average of the losses
MAX_FALLEN_LOSS = 0.95  # of the first loss; above it the loss is flat
MIN_EXPLODED_LOSS = 1.5  # of the first loss
HIGH_RATIO, FATAL_RATIO, LOW_RATIO = 5, 30, 1 / 50  # times the rate that a full test suggests
RISKY_SHARE_OF_EXPLODING = 1 / 3  # of the rate at which the loss explodes
FATAL_SHARE_OF_EXPLODING = 10


@dataclass(frozen=True)
class Curve:
    """The smoothed loss, in nats, at each of the learning rates, which rise."""

    rates: list[float]
    losses: list[float]
    peak: float  # the trial's highest rate

    @property
    def start(self) -> float:
        """The loss before the rates do anything."""
        first = self.losses[:5]
        return sum(first) / len(first)

    @property
    def best(self) -> int:
        """The index of the lowest loss."""
        return min(range(len(self.losses)), key=lambda index: _finite(self.losses[index]))

    @property
    def falls(self) -> bool:
        """Whether the loss falls at any rate."""
        return self.losses[self.best] < MAX_FALLEN_LOSS * self.start

    @property
    def inconclusive(self) -> bool:
        """Whether higher rates are needed: the curve is flat, or lowest at its end."""
        return len(self.rates) > END_STEPS and (
            not self.falls or self.best >= len(self.rates) - END_STEPS
        )

    @property
    def exploding(self) -> float | None:
        """The first rate at which the loss is far above where it began."""
        worse = (index for index, loss in enumerate(self.losses) if _explodes(loss, self.start))
        index = next(worse, None)
        return None if index is None else self.rates[index]

    @property
    def step(self) -> float:
        """How many times the rate before it a rate is: the best is known no more closely."""
        return self.rates[1] / self.rates[0] if len(self.rates) > 1 else 1.0

    @property
    def suggested(self) -> float | None:
        """A third of the best rate; None where the loss falls at none."""
        return self.rates[self.best] / 3 if self.falls else None


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _explodes(loss: float, start: float) -> bool:
    return not math.isfinite(loss) or loss > MIN_EXPLODED_LOSS * start


def range_test(setup: Setup, seconds: float) -> Curve | None:
    """Train a copy of the network at rates from far below the trial's peak to far above it.

    A network too slow for `MAX_STEPS` steps in about `seconds` takes fewer of fewer images; None
    for one that is too slow for that too.
    """
    steps = Steps(setup)
    count = steps.afford(seconds, fewest=MIN_STEPS, most=MAX_STEPS)
    decades = math.log10(HIGHEST / LOWEST)
    most = count + round(EXTRA_DECADES * count / decades)
    curve = Curve([], [], steps.peak)
    average = 0.0
    started = time.perf_counter()
    while len(curve.rates) < (most if curve.inconclusive else count):
        rate = steps.peak * LOWEST * 10 ** (decades * len(curve.rates) / (count - 1))
        average = SMOOTHING * average + (1 - SMOOTHING) * steps.take(rate)
        curve.rates.append(rate)
        curve.losses.append(average / (1 - SMOOTHING ** len(curve.rates)))
        if not curve.losses[-1] <= MAX_LOSS_RATIO * curve.losses[0]:  # not a number either
            break
        each = (time.perf_counter() - started) / len(curve.rates)
        if len(curve.rates) > 1 and each * count > MAX_OVERTIME * seconds:
            return None
    return curve


def check_learning_rate(setup: Setup, seconds: float) -> Finding:
    """Run the range test and compare the trial's peak rate with its curve."""
    if not any(p.requires_grad for p in setup.untrained.parameters()):
        return Finding("learning rate", Level.STOP, "nothing to train", "unfreeze the network")
    curve = range_test(setup, seconds)
    if curve is None:
        seen, advice = "not tested: too slow here", "check on the device that will train"
        return Finding("learning rate", Level.WARNING, seen, advice)
    finding = read_curve(curve)
    if finding.level is Level.STOP and not _confirmed(setup, curve, seconds):
        finding = _read_without_fall(curve, finding.figures)
        return dataclasses.replace(finding, level=Level.WARNING)
    return finding


def _confirmed(setup: Setup, curve: Curve, seconds: float) -> bool:
    """Whether the trial's own rate does badly from the first step on, and the suggested well."""
    at_peak = _loss_at(setup, curve.peak, seconds)
    if curve.suggested is None:
        return _explodes(at_peak, curve.start)
    at_suggested = _loss_at(setup, curve.suggested, seconds)
    if not at_suggested < MAX_FALLEN_LOSS * curve.start:
        return False
    return not curve.start - at_peak > (curve.start - at_suggested) / 2


def _loss_at(setup: Setup, rate: float, seconds: float) -> float:
    """Return the mean of the last losses of a few steps at `rate`."""
    steps = Steps(setup)
    count = steps.afford(seconds, fewest=MIN_STEPS, most=MAX_STEPS // 2)
    losses = [steps.take(rate) for _ in range(count)][-5:]
    return sum(losses) / len(losses)


def read_curve(curve: Curve) -> Finding:
    """Say what the curve means for the trial's rate."""
    figures = {
        "rates": list(curve.rates),
        "losses": [loss if math.isfinite(loss) else None for loss in curve.losses],
        "peak": curve.peak,
        "suggested": curve.suggested,
    }
    if curve.suggested is None:
        return _read_without_fall(curve, figures)
    ratio = curve.peak / curve.suggested
    rate = f"about {_short(curve.suggested)}"
    end = f"; the loss explodes from {_short(curve.exploding)}" if curve.exploding else ""
    seen = f"peak {curve.peak:.3g}; suggested {rate}{end}"
    if ratio >= FATAL_RATIO * max(1.0, curve.step / FULL_STEP_RATIO):
        advice = f"the rate is {ratio:.0f} times too high: lower it to {rate} (lr, adam_lr)"
        return Finding("learning rate", Level.STOP, seen, advice, figures)
    if ratio >= HIGH_RATIO:
        advice = f"the rate may be too high: try {rate}, or a longer warm-up"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    if ratio <= LOW_RATIO:
        advice = f"the loss hardly moves at this rate: raise it to {rate} (lr, adam_lr)"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    return Finding("learning rate", Level.OK, seen, figures=figures)


def _read_without_fall(curve: Curve, figures: Mapping[str, Any]) -> Finding:
    """Return the finding if so short a test shows no fall: a hard set, or a slow network."""
    if curve.exploding is None:
        seen = f"the loss is flat from {_short(curve.rates[0])} to {_short(curve.rates[-1])}"
        advice = "raise the rate (lr), or look at what else keeps the network from learning"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    ratio = curve.peak / curve.exploding
    seen = f"peak {curve.peak:.3g}; the loss explodes from {_short(curve.exploding)}"
    advice = f"lower the rate to {_short(curve.exploding / 10)} or less (lr, adam_lr)"
    if ratio >= FATAL_SHARE_OF_EXPLODING:
        return Finding("learning rate", Level.STOP, seen, advice, figures)
    if ratio >= RISKY_SHARE_OF_EXPLODING:
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    return Finding("learning rate", Level.OK, f"{seen}; it falls slowly", figures=figures)


def _short(rate: float) -> str:
    """Return one digit of it, and no exponent where it reads well without."""
    return f"{float(f'{rate:.0e}'):g}"
