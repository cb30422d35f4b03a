"""input_geometry: crops and sizes of the input against torchvision."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import functional as tv

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.tricks.input_geometry import InputGeometry
from pipelines import all_images, assert_needs_a_pooled_network, make_data, make_pipeline

CONTRACT = {"changes": []}

CPU = torch.device("cpu")


def test_validation_is_resized_and_cropped_as_torchvisions() -> None:
    """Resized to size / crop, the middle cut out; larger where evaluation is."""
    images = make_data().val.images
    assert isinstance(images, Tensor)
    for trick, larger, size in [
        (InputGeometry(crop=0.8), 20, 16),
        (InputGeometry(test_size=1.25), 20, 20),
        (InputGeometry(crop=0.8, test_size=1.25), 25, 20),
    ]:
        ours = trick.crop_validation(images)
        theirs = tv.center_crop(tv.resize(images, [larger] * 2, antialias=True), [size] * 2)
        assert ours.dtype == torch.uint8
        assert ours.shape[2:] == (size, size)
        assert (ours.int() - theirs.int()).abs().max() <= 1


def test_training_crops_leave_all_else_alone() -> None:
    """Order and flips are those of the padded crop; validation stays whole."""
    data = make_data()
    whole = dataclasses.replace(data, pad=0)
    padded, resized = (
        make_pipeline(whole),
        make_pipeline(whole, geometry=InputGeometry(scale=(0.999, 1))),
    )
    for (a, x), (b, y) in zip(padded.training_epoch(0), resized.training_epoch(0), strict=True):
        assert torch.equal(x, y)
        assert torch.allclose(a, b, atol=1e-3)  # nearly the whole image is the whole image
    trained = all_images(
        make_pipeline(data, geometry=InputGeometry(scale=(0.1, 1))).training_epoch(0)
    )
    assert trained.shape == (200, 3, 16, 16)
    plain = all_images(make_pipeline(data).validation())
    geometry = all_images(make_pipeline(data, geometry=InputGeometry(scale=(0.1, 1))).validation())
    assert torch.equal(plain, geometry)


def test_padded_crop_stays_where_no_area_is_given() -> None:
    """A trick of evaluation alone trains on what the default trains on."""
    data = make_data()
    plain = all_images(make_pipeline(data).training_epoch(1))
    assert torch.equal(
        plain, all_images(make_pipeline(data, g=InputGeometry(crop=0.8)).training_epoch(1))
    )


def test_two_crops_conflict() -> None:
    """As two losses do."""
    with pytest.raises(ValueError, match="a and b both give crop_training"):
        Hooks({"a": InputGeometry(), "b": InputGeometry()}, seed=0)


def test_a_network_of_one_size_is_not_applicable() -> None:
    """The reason names both sizes; any size is well with a pooled network, left unchanged."""
    assert_needs_a_pooled_network(InputGeometry(test_size=1.25), "20x20")


@pytest.mark.parametrize(
    "make",
    [
        lambda: InputGeometry(scale=(0, 1)),
        lambda: InputGeometry(crop=1.5),
        lambda: InputGeometry(test_size=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
