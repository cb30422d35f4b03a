"""What reaches the network: its scale, and whether pretrained weights were made for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from darkmagic.trainers.data.image_files.pixels import BACKGROUND, SCALED
from darkmagic.trainers.data.splits.select import read, spread
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["IMAGENET", "check_inputs", "check_pixels", "check_weights_scaling", "judge_inputs"]

SAMPLE_IMAGES = 256  # of a split, spread over it
MIN_CONTRAST, CONSTANT_SHARE = 1.0, 0.95  # grey levels, of an image; of the images
MIN_RANGE = 32  # grey levels, of all images together
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation, of pixels in [0, 1], that torchvision's weights were made for."""

MAX_SCALED_STD = 16.0  # no scaled image has values so large
MIN_STD, MAX_STD = 0.1, 4.0  # standard deviations that are neither grey levels nor scaled to 1
MAX_STD_RATIO = 3.0  # times the spread of validation images
MAX_MISMATCH = 2.0  # times the scale, or standard deviations off, of what weights were made for


def check_pixels(setup: Setup) -> Finding:
    """Check the images as they were read."""
    data = setup.data
    images = read(data.train, spread(len(data.train), SAMPLE_IMAGES)).images
    assert isinstance(images, Tensor)
    mean = ", ".join(f"{value:.3f}" for value in data.mean)
    std = ", ".join(f"{value:.3f}" for value in data.std)
    height, width = data.size
    seen = f"{data.channels} x {height} x {width}; mean {mean}; std {std}, of pixels in [0, 1]"
    figures = {"mean": list(data.mean), "std": list(data.std)}
    spreads = images.float().flatten(2).std(2, unbiased=False).amax(1)
    low, high = int(images.min()), int(images.max())
    figures |= {"range": [low, high]}
    if data.size != (1, 1) and float(spreads.quantile(CONSTANT_SHARE)) < MIN_CONTRAST:
        levels = f"levels {low} to {high}" if high > low else f"level {low}"
        return Finding(
            "pixels",
            Level.STOP,
            f"nearly all images are of one colour ({levels} of 0 to 255): {seen}",
            "look at the files' bit depth: deeper pixels are scaled by their full range, so 10 or "
            "12 bits in files of 16 are nearly black, and what is white on a transparent ground is "
            f"white on {BACKGROUND}; write 8 bits over their full range",
            figures,
        )
    if high - low < MIN_RANGE:
        deeper = any(SCALED in note for note in data.notes)  # and finer differences are gone
        return Finding(
            "pixels",
            Level.STOP if deeper else Level.WARNING,
            f"only levels {low} to {high} of 0 to 255 are used: {seen}",
            "look at the files' bit depth: deeper pixels are scaled by their full range, so write "
            "10 or 12 bits over all 16, or as 8 bits",
            figures,
        )
    if images.shape[1] == 3 and bool((images == images[:, :1]).all()):
        advice = "the three channels are equal: channels=1 says the same with less"
        return Finding("pixels", Level.OK, seen, advice, figures)
    return Finding("pixels", Level.OK, seen, figures=figures)


def check_inputs(setup: Setup) -> Finding:
    """Check a training and a validation batch as the network gets them."""
    images, _ = next(setup.training_batches(setup.hooks()))
    still, _ = setup.fixed_batch(SAMPLE_IMAGES)
    return judge_inputs(images.float().cpu(), still.float().cpu())


def judge_inputs(train: Tensor, val: Tensor) -> Finding:
    """Judge the scale of float images (B, C, H, W), augmented and not."""
    mean, std = float(train.mean()), float(train.std())
    low, high = float(train.min()), float(train.max())
    seen = f"mean {mean:.2f}, std {std:.2f}, from {low:.1f} to {high:.1f}"
    figures = {"mean": mean, "std": std, "low": low, "high": high}
    advice = "subtract the training split's mean and divide by its standard deviation"
    if not torch.isfinite(train).all():
        return Finding(
            "inputs", Level.STOP, "not all values are finite", "look at the tricks", figures
        )
    ratio = std / max(float(val.std()), 1e-9)
    if std > MAX_SCALED_STD and low >= 0:
        seen = f"not normalised: {seen}"
        return Finding("inputs", Level.STOP, seen, f"these are grey levels: {advice}", figures)
    if not 1 / MAX_STD_RATIO < ratio < MAX_STD_RATIO:
        seen += f"; std {float(val.std()):.2f} in validation"
        return Finding(
            "inputs", Level.WARNING, seen, "scale training and validation images alike", figures
        )
    if low >= 0:
        return Finding("inputs", Level.WARNING, f"not centred: {seen}", advice, figures)
    if not MIN_STD < std < MAX_STD or abs(mean) > std:
        return Finding("inputs", Level.WARNING, f"not normalised: {seen}", advice, figures)
    return Finding("inputs", Level.OK, seen, figures=figures)


def check_weights_scaling(setup: Setup, weights: str = "") -> Finding | None:
    """Compare the scaling with the one that the pretrained weights expect.

    `weights` is what a trial loads, as `Pretrain` names it. None where no scaling is known.
    """
    made_for = _made_for(setup, weights)
    if made_for is None:
        return None
    mean, std = _scaling(setup)
    expected_mean, expected_std = (_as_many(values, len(mean)) for values in made_for)
    scale = max(max(a / b, b / a) for a, b in zip(std, expected_std, strict=True))
    offsets = zip(mean, expected_mean, expected_std, strict=True)
    shift = max(abs(a - b) / c for a, b, c in offsets)
    seen = (
        f"images are scaled by mean {mean[0]:.2f}, std {std[0]:.2f}; the pretrained weights were "
        f"made for {expected_mean[0]:.2f}, {expected_std[0]:.2f}"
    )
    figures = {"mean": mean, "std": std, "expected_mean": expected_mean}
    if scale > MAX_MISMATCH or shift > MAX_MISMATCH:
        advice = "their first layer sees other values than it learnt from: fine-tune all layers"
        return Finding("scaling", Level.WARNING, seen, advice, figures)
    return Finding("scaling", Level.OK, seen, figures=figures)


def _made_for(setup: Setup, weights: str) -> tuple[Sequence[float], Sequence[float]] | None:
    config: Any = getattr(setup.untrained, "pretrained_cfg", None)  # timm's, also when unused
    if setup.pretrained and config:
        return tuple(config["mean"]), tuple(config["std"])
    named = [str(getattr(trick, "weights", "")) for trick in setup.recipe.tricks.values()]
    known = any(name.startswith("torchvision:") for name in (*named, weights))
    return IMAGENET if known else None


def _as_many(values: Sequence[float], channels: int) -> list[float]:
    return list(values) if len(values) == channels else [sum(values) / len(values)] * channels


def _scaling(setup: Setup) -> tuple[list[float], list[float]]:
    """Return the mean and std per channel by which the pipeline scales, measured on its output.

    All tricks that scale do so linearly per channel, so that two grey levels determine both.
    """
    shape = (2, setup.data.channels, *setup.data.size)
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(shape).contiguous()
    probe = dataclasses.replace(setup.data.train, images=levels, targets=torch.zeros(2).long())
    data = dataclasses.replace(setup.data, val=probe)
    images, _ = next(iter(setup.pipeline(data=data).validation()))
    black, white = images.float().mean((2, 3)).cpu()
    std = 1 / (white - black)
    return (-black * std).tolist(), std.tolist()
