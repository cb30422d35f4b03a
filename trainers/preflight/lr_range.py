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
STEPS, FEWEST = 60, 20
PATIENCE = 3  # times the seconds that it may take at most
EXTENDED, END = 3, 3  # decades, where the curve is flat or falls to its end; steps
FAR = 4.0  # times the first loss: nothing is to be seen beyond
SMOOTHING = 0.8  # of an exponential average of the losses
FALLS = 0.95  # of the first loss; above it the loss is flat
EXPLODES = 1.5  # of the first loss
WASTEFUL, HOPELESS, TIMID = 5, 30, 1 / 50  # times the suggested rate
RISKY, FATAL = 1 / 3, 10  # times the rate at which it explodes


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
        """The place of the lowest loss."""
        return min(range(len(self.losses)), key=lambda place: _finite(self.losses[place]))

    @property
    def falls(self) -> bool:
        """Whether the loss falls at any rate."""
        return self.losses[self.best] < FALLS * self.start

    @property
    def inconclusive(self) -> bool:
        """Whether its end tells nothing yet: all flat, or lowest right there."""
        return len(self.rates) > END and (not self.falls or self.best >= len(self.rates) - END)

    @property
    def exploding(self) -> float | None:
        """The first rate at which the loss is far above where it began."""
        worse = (place for place, loss in enumerate(self.losses) if _explodes(loss, self.start))
        place = next(worse, None)
        return None if place is None else self.rates[place]

    @property
    def suggested(self) -> float | None:
        """A third of the best rate; None where the loss falls at none."""
        return self.rates[self.best] / 3 if self.falls else None


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _explodes(loss: float, start: float) -> bool:
    return not math.isfinite(loss) or loss > EXPLODES * start


def range_test(setup: Setup, seconds: float) -> Curve | None:
    """Train a copy of the network at rates from far below the trial's peak to far above it.

    A network too slow for `STEPS` steps in about `seconds` takes fewer of fewer images; None
    for one that is too slow for that too.
    """
    steps = Steps(setup)
    count = steps.afford(seconds, fewest=FEWEST, most=STEPS)
    decades = math.log10(HIGHEST / LOWEST)
    most = count + round(EXTENDED * count / decades)
    curve = Curve([], [], steps.peak)
    average = 0.0
    started = time.perf_counter()
    while len(curve.rates) < (most if curve.inconclusive else count):
        rate = steps.peak * LOWEST * 10 ** (decades * len(curve.rates) / (count - 1))
        average = SMOOTHING * average + (1 - SMOOTHING) * steps.take(rate)
        curve.rates.append(rate)
        curve.losses.append(average / (1 - SMOOTHING ** len(curve.rates)))
        if not curve.losses[-1] <= FAR * curve.losses[0]:  # not a number either
            break
        each = (time.perf_counter() - started) / len(curve.rates)
        if len(curve.rates) > 1 and each * count > PATIENCE * seconds:
            return None
    return curve


def check_learning_rate(setup: Setup, seconds: float) -> Finding:
    """Make the test and hold the trial's peak rate to the curve."""
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
    if not at_suggested < FALLS * curve.start:
        return False
    return not curve.start - at_peak > (curve.start - at_suggested) / 2


def _loss_at(setup: Setup, rate: float, seconds: float) -> float:
    """Return the mean of the last losses of a few steps at `rate`."""
    steps = Steps(setup)
    count = steps.afford(seconds, fewest=FEWEST, most=STEPS // 2)
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


def _read_without_fall(curve: Curve, figures: Mapping[str, Any]) -> Finding:
    """Say what is known where so short a test sees no fall: a hard set, or a slow network."""
    if curve.exploding is None:
        seen = f"the loss is flat from {_short(curve.rates[0])} to {_short(curve.rates[-1])}"
        advice = "raise the rate (lr), or look at what else keeps the network from learning"
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    ratio = curve.peak / curve.exploding
    seen = f"peak {curve.peak:.3g}; the loss explodes from {_short(curve.exploding)}"
    advice = f"lower the rate to {_short(curve.exploding / 10)} or less (lr, adam_lr)"
    if ratio >= FATAL:
        return Finding("learning rate", Level.STOP, seen, advice, figures)
    if ratio >= RISKY:
        return Finding("learning rate", Level.WARNING, seen, advice, figures)
    return Finding("learning rate", Level.OK, f"{seen}; it falls slowly", figures=figures)


def _short(rate: float) -> str:
    """Return one digit of it, and no exponent where it reads well without."""
    return f"{float(f'{rate:.0e}'):g}"
