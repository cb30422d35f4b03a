"""What an untrained network answers: logits, near chance, each for its own image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from darkmagic.trainers.metrics.plain import plain_loss
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_first_loss", "check_logits", "check_samples", "sample_leak"]

BATCH_IMAGES = 64  # in the batch whose outputs are checked
AMPLIFICATION = 100.0  # factor on the pixels, under which a layer that bounds its output shows
BOUND, MAX_SHARE_AT_BOUND = 0.99, 0.1  # of a sigmoid's or a tanh's bound; of the outputs
MAX_FIRST_LOSS, MIN_FIRST_LOSS = 2.0, 0.5  # times log(K)
MAX_LEAK = 1e-6  # of the gradient with respect to the own image


def check_logits(setup: Setup) -> Finding:
    """Look for what must not follow the last layer under cross-entropy: softmax and the like."""
    images, _ = setup.fixed_batch(BATCH_IMAGES)
    network = setup.network().eval()
    with torch.no_grad():
        plain, amplified = network(images).float(), network(images * AMPLIFICATION).float()
    logits = torch.cat([plain, amplified])
    figures = {"low": float(logits.min()), "high": float(logits.max())}
    sums = logits.sum(1)
    advice = "cross-entropy takes logits and has the softmax in it: return the last linear layer's"
    if bool((logits >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        seen = "the model ends in softmax: its outputs are probabilities"
        return Finding("logits", Level.STOP, seen, advice, figures)
    at_bound = float((amplified.abs() > BOUND).float().mean())
    if float(logits.abs().max()) <= 1 and at_bound > MAX_SHARE_AT_BOUND:
        seen = "the model ends in a bounded activation: its outputs stay within 1"
        return Finding("logits", Level.STOP, seen, advice, figures)
    if bool((logits >= 0).all()) and bool((logits == 0).any()) and bool((logits > 0).any()):
        seen = "the model ends in a rectifier: its outputs are never negative"
        return Finding("logits", Level.WARNING, seen, advice, figures)
    low, high = float(plain.min()), float(plain.max())
    return Finding("logits", Level.OK, f"from {low:.2f} to {high:.2f}", figures=figures)


def check_first_loss(setup: Setup) -> Finding:
    """Compare the first loss with log(K), that of a uniform prediction."""
    images, classes = setup.fixed_batch(BATCH_IMAGES)
    torch.manual_seed(0)
    with torch.no_grad():
        loss = plain_loss(setup.network()(images).float(), classes).item()
    guess = setup.guess
    name = "K log(2)" if setup.data.multilabel else "log(K)"
    seen = f"{loss:.2f}; {name} is {guess:.2f}"
    figures = {"loss": loss, "log_k": guess}
    if not math.isfinite(loss):
        advice = "look at the initial weights, and at divisions and logarithms in the model"
        return Finding("first loss", Level.STOP, seen, advice, figures)
    if loss > MAX_FIRST_LOSS * guess:
        advice = "the untrained network is sure of itself: start its last layer smaller"
        return Finding("first loss", Level.WARNING, seen, advice, figures)
    if loss < MIN_FIRST_LOSS * guess and not setup.pretrained:
        advice = "the untrained network knows too much: look for the class among its inputs"
        return Finding("first loss", Level.WARNING, seen, advice, figures)
    return Finding("first loss", Level.OK, seen, figures=figures)


def sample_leak(network: nn.Module, images: Tensor) -> float:
    """Return the largest gradient of one image's outputs with respect to another's pixels, in
    parts of that with respect to its own; 0 where each answer depends on its image alone.

    `images` (B, C, H, W), B of 2 or more; the network runs in eval mode, where batch
    normalisation mixes nothing.
    """
    network.eval()
    pixels = images.detach().clone().requires_grad_()
    outputs = network(pixels * 1).float()  # a network may work in place
    middle = len(images) // 2
    weights = torch.linspace(-1, 1, outputs.shape[1], device=outputs.device)
    (gradient,) = torch.autograd.grad((outputs[middle] * weights).sum(), pixels)
    sizes = gradient.abs().flatten(1).amax(1)
    own = float(sizes[middle])
    sizes[middle] = 0
    return float(sizes.max()) / own if own > 0 else math.inf * float(sizes.max() > 0 or 1)


def check_samples(setup: Setup) -> Finding:
    """Look for a leak across the batch, by gradients (Karpathy 2019)."""
    images, _ = setup.fixed_batch(4)
    if len(images) < 2:
        return Finding("samples", Level.WARNING, "one image is too few to tell")
    leak = sample_leak(setup.network(), images)
    figures = {"leak": leak}
    if math.isinf(leak):
        seen = "the outputs do not depend on the image"
        return Finding("samples", Level.WARNING, seen, "look for a dead or constant layer", figures)
    if leak > MAX_LEAK:
        seen = f"an image's outputs depend on other images of the batch ({leak:.1e} of its own)"
        advice = "look for a view, reshape, mean or softmax over the batch's dimension"
        return Finding("samples", Level.STOP, seen, advice, figures)
    return Finding("samples", Level.OK, "each output depends on its own image", figures=figures)
