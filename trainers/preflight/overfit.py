"""One fixed batch, learnt by heart: the oldest test of a network and its training step.

Source: Karpathy 2019, "A Recipe for Training Neural Networks" (overfit one batch).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.metrics.plain import plain_loss
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["Fit", "check_overfit", "fit_batch"]

BATCH_IMAGES = 32  # at most, in the batch that is overfitted
MAX_STEPS = 200  # of Adam, at each of the learning rates
LEARNING_RATES = (1e-3, 1e-4)  # of Adam; the second for networks that diverge with the first
LEARNT_LOSS = 0.02  # of log(K), the loss of a guess
STUCK_LOSS = 0.5


@dataclass(frozen=True, eq=False)
class Fit:
    """A network after it was trained on one batch; `losses` are one a step, in nats."""

    network: nn.Module
    losses: list[float]
    in_time: bool  # it was not cut short by the clock

    @property
    def loss(self) -> float:
        """The mean of the last five: dropout makes single ones jump."""
        last = self.losses[-5:]
        return sum(last) / len(last)


def fit_batch(
    network: nn.Module, images: Tensor, classes: Tensor, *, lr: float, goal: float, seconds: float
) -> Fit:
    """Train `network` in place with Adam and plain cross-entropy until its loss is `goal`."""
    started = time.perf_counter()
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=lr)
    fit = Fit(network, [], in_time=True)
    for _ in range(MAX_STEPS):
        loss = plain_loss(network(images).float(), classes)
        fit.losses.append(loss.item())
        if not math.isfinite(fit.losses[-1]) or (len(fit.losses) >= 5 and fit.loss < goal):
            return fit
        if time.perf_counter() - started > seconds:
            return Fit(network, fit.losses, in_time=False)
        optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # where all is frozen there is nothing to step
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return fit


def check_overfit(setup: Setup, seconds: float) -> tuple[Finding, Fit]:
    """Train on one batch, not augmented, at a small rate: the loss must come near zero."""
    images, classes = setup.fixed_batch(min(BATCH_IMAGES, setup.recipe.batch_size))
    guess = setup.guess
    torch.manual_seed(0)
    fits = []
    for lr in LEARNING_RATES:
        fit = fit_batch(
            setup.network(), images, classes, lr=lr, goal=LEARNT_LOSS * guess, seconds=seconds
        )
        fits.append(fit)
        if fit.loss < LEARNT_LOSS * guess or not fit.in_time:
            break
    fit = min(fits, key=lambda f: f.loss if math.isfinite(f.loss) else math.inf)
    return _finding(fit, len(classes), guess), fit


def _finding(fit: Fit, images: int, guess: float) -> Finding:
    seen = (
        f"loss {fit.losses[0]:.2f} to {fit.loss:.3f} on {images} images in {len(fit.losses)} steps"
    )
    figures = {"losses": fit.losses, "steps": len(fit.losses), "images": images}
    if fit.loss < LEARNT_LOSS * guess:
        return Finding("overfit", Level.OK, seen, figures=figures)
    if not fit.in_time:
        seen += "; there was no time for more"
        if fit.loss < STUCK_LOSS * guess:
            return Finding("overfit", Level.OK, seen, figures=figures)
        advice = "too slow here to tell: check on the device that will train"
        return Finding("overfit", Level.WARNING, seen, advice, figures)
    if fit.loss < STUCK_LOSS * guess:
        advice = "a network that learns a few images slowly learns many slowly: train it longer"
        return Finding("overfit", Level.WARNING, f"{seen}: not near zero", advice, figures)
    return Finding(
        "overfit",
        Level.STOP,
        f"{seen}: one batch cannot be learnt",
        "not enough capacity, or a bug: look at the model's last layer, at frozen layers and at "
        "the input",
        figures,
    )
