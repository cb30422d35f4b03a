"""Whether there is enough to learn in: updates of the weights, and images to judge them by."""

from __future__ import annotations

from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_updates", "check_validation"]

MIN_UPDATES = 200
"""Of the weights in a whole training; below, most networks still guess."""
MIN_BATCH = 8  # images, for the statistics of batch normalisation
MAX_LEFT_OUT = 0.25  # of the training images, in an epoch
MIN_VALIDATION_IMAGES = 100
"""One of fewer is more than a point of accuracy."""


def check_updates(setup: Setup) -> Finding:
    """Count the updates of the whole training, and the images that an epoch leaves out."""
    recipe, images = setup.recipe, len(setup.data.train)
    an_epoch = setup.pipeline().steps_per_epoch
    updates = min(recipe.max_steps or an_epoch * recipe.epochs, an_epoch * recipe.epochs)
    size = min(recipe.batch_size, images)
    left_out = images - an_epoch * size
    seen = f"{updates:,} in all: {an_epoch:,} an epoch, of {size} images"
    if left_out:
        seen += (
            f"; {left_out:,} of {images:,} images are left out of each, different ones each time"
        )
    figures = {"updates": updates, "left_out": left_out}
    few = updates < MIN_UPDATES and not recipe.max_steps
    if few or left_out > MAX_LEFT_OUT * images:
        smaller = max(MIN_BATCH, min(recipe.batch_size // 2, images // 16))
        advice = [f"batch_size={smaller}"] if smaller < min(images, recipe.batch_size) else []
        if few:
            seen += ": few networks learn in so few"
            advice.append(f"epochs={-(-MIN_UPDATES // an_epoch)}")
        return Finding("updates", Level.WARNING, seen, " or ".join(advice), figures)
    return Finding("updates", Level.OK, seen, figures=figures)


def check_validation(setup: Setup) -> Finding:
    """Say how much of the accuracy one validation image is."""
    images = len(setup.data.val)
    chance = 50 / images**0.5  # a standard error at an accuracy of a half, in points
    figures = {"images": images}
    seen = f"{images:,} images: one is {100 / images:.2g} points of accuracy"
    if images < MIN_VALIDATION_IMAGES:
        seen += f", and another sample of them would change it by {chance:.0f} or so"
        advice = "verdicts would be those of a few images: hold out more, or collect more"
        return Finding("validation", Level.WARNING, seen, advice, figures)
    return Finding("validation", Level.OK, seen, figures=figures)
