"""progressive_resizing: sizes over training against Composer's rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from pipelines import assert_needs_a_pooled_network, make_data, make_pipeline

CPU = torch.device("cpu")


def test_sizes_grow_as_composers() -> None:
    """Flat, then a line, then full; whole multiples of pixels."""
    trick = ProgressiveResizing(start=0.5, delay=0.4, finish=0.2, multiple=4)
    assert [trick.scale(x) for x in (0, 0.4, 0.6, 0.8, 1)] == pytest.approx([0.5, 0.5, 0.75, 1, 1])
    images = torch.randn(2, 3, 32, 30)
    sizes = [tuple(trick.resize(images, x).shape[2:]) for x in (0, 0.5, 0.8)]
    assert sizes == [(16, 16), (20, 20), (32, 30)]
    assert trick.resize(images, 1.0) is images


def test_images_are_small_first_and_full_last() -> None:
    """In the pipeline, by the step's share of all steps; validation is full throughout."""
    pipeline = make_pipeline(make_data(), size=ProgressiveResizing(delay=0.25, finish=0.25))
    sides = [
        [images.shape[3] for images, _ in pipeline.training_epoch(epoch)] for epoch in range(4)
    ]
    assert sides == [[8] * 4, [8, 8, 8, 12], [12, 12, 16, 16], [16] * 4]
    assert all(images.shape[3] == 16 for images, _ in pipeline.validation())


def test_a_network_of_one_size_is_not_applicable() -> None:
    """The reason names both sizes; any size is well with a pooled network, left unchanged."""
    assert_needs_a_pooled_network(ProgressiveResizing(), "8x8")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ProgressiveResizing(start=1),
        lambda: ProgressiveResizing(delay=0.8),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
