"""A recipe as its tricks and its data leave it."""

from __future__ import annotations

import dataclasses

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.recipe import Recipe

__all__ = ["edit_recipe"]


def edit_recipe(recipe: Recipe, data: Data | None = None) -> Recipe:
    """Return `recipe` as its tricks' `edit_recipe` leave it: call once, before anything else.

    With the `data` that it trains on, no batch is larger than their training split.
    """
    images = len(data.train) if data is not None else 0
    if images:
        cut = min(recipe.batch_size, images)
        recipe = dataclasses.replace(recipe, train_images=images, batch_size=cut)
    for trick in recipe.tricks.values():
        recipe = trick.edit_recipe(recipe)
    return recipe
