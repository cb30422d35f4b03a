"""shuffle: the order of the epochs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.tricks.shuffle import Shuffle
from training import changed_parts, make_recipe

CPU = torch.device("cpu")


def test_orders_of_the_epochs() -> None:
    """New every epoch, one for all of them, or the data set's own."""
    orders = {}
    for when in ("every_epoch", "once", "never"):
        recipe = edit_recipe(make_recipe(shuffle=Shuffle(when)))
        data = recipe.dataset.load(0)
        pipeline = Pipeline(recipe, data, Hooks(recipe.tricks, 0), CPU, 1, torch.contiguous_format)
        orders[when] = [
            torch.cat([targets.argmax(1) for _, targets in pipeline.training_epoch(epoch)])
            for epoch in range(2)
        ]
    first, second = orders["every_epoch"]
    assert not torch.equal(first, second)
    assert torch.equal(orders["once"][0], first)
    assert torch.equal(orders["once"][1], first)
    own = data.train.targets[: len(first)]
    assert all(torch.equal(order, own) for order in orders["never"])


@pytest.mark.parametrize("when", ["once", "never"])
def test_fingerprint_sees_the_order_of_later_epochs(when: str) -> None:
    """A fingerprint tells the order of later epochs, which the first batches need not show."""
    assert "order" in changed_parts(Shuffle(when))
    assert not changed_parts(Shuffle("every_epoch"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Shuffle("sometimes"),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
