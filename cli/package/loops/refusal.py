"""What a recipe may not ask of a loop that is not ours."""

from __future__ import annotations

from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick

__all__ = ["refuse_what_is_ours"]

OF_OUR_DATA: tuple[str, ...] = ("fit_scaling", "epoch_order", "image_repeats", "image_chances")
OF_OUR_DATA += ("class_weights", "crop_training", "crop_validation")
"""Hooks that act where images are read and scaled, which a loop of one's own does itself."""


def refuse_what_is_ours(recipe: Recipe, edited: Recipe) -> None:
    """Raise `ValueError` for a trick that acts where a loop of one's own does not ask it."""
    for name, trick in recipe.tricks.items():
        for hook in OF_OUR_DATA:
            if getattr(type(trick), hook) is not getattr(Trick, hook):
                raise ValueError(
                    f"{name} acts where images are read and scaled, which your loop does itself: "
                    "leave it out of the recipe"
                )
    for number in ("epochs", "batch_size"):
        if getattr(recipe, number) != getattr(edited, number):
            raise ValueError(
                f"a trick changes {number}, which your loop sets itself: leave it out of the recipe"
            )
