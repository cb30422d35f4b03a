"""Crops, sizes and scalings of the input against torchvision, scikit-learn and definitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torchvision.transforms import functional as tv

from darkmagic.trainers.data.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.prepare import Normalizer
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.hooks import Hooks, refuse_conflicts
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Conflict, NotApplicable, Trick
from darkmagic.trainers.tricks.input_geometry import InputGeometry
from darkmagic.trainers.tricks.input_scaling import (
    PcaWhitening,
    Squeeze,
    ZeroCentre,
    whitening_matrix,
)
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing

CPU = torch.device("cpu")
EXAMPLE = torch.randn(2, 3, 16, 16, generator=generator(0, "example"))


def _data(count: int = 200, size: int = 16, channels: int = 3) -> Data:
    rng = generator(0, "data")
    coarse = torch.rand(count, channels, size // 4, size // 4, generator=rng)
    images = (nn.functional.interpolate(coarse, (size, size)) * 200).to(torch.uint8)
    images += torch.randint(0, 50, images.shape, generator=rng, dtype=torch.uint8)
    split = Split(images, torch.arange(count) % 4)
    return assemble(split, split, split, list("abcd"), flip=True, pad=2)


def _pipeline(data: Data, epochs: int = 4, **tricks: Trick) -> Pipeline:
    recipe = Recipe(Shapes(), partial(SmallResNet), tricks, epochs=epochs, batch_size=50)
    return Pipeline(recipe, data, Hooks(tricks, 0), CPU, data.channels, torch.contiguous_format)


def _images(batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    return torch.cat([images for images, _ in batches])


class _Flat(nn.Module):
    """Takes 16 x 16 and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits


def test_validation_is_resized_and_cropped_as_torchvisions() -> None:
    """Resized to size / crop, the middle cut out; larger where evaluation is."""
    images = _data().val.images
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
    data = _data()
    whole = dataclasses.replace(data, pad=0)
    padded, resized = _pipeline(whole), _pipeline(whole, geometry=InputGeometry(scale=(0.999, 1)))
    for (a, x), (b, y) in zip(padded.training_epoch(0), resized.training_epoch(0), strict=True):
        assert torch.equal(x, y)
        assert torch.allclose(a, b, atol=1e-3)  # nearly the whole image is the whole image
    trained = _images(_pipeline(data, geometry=InputGeometry(scale=(0.1, 1))).training_epoch(0))
    assert trained.shape == (200, 3, 16, 16)
    plain = _images(_pipeline(data).validation())
    geometry = _images(_pipeline(data, geometry=InputGeometry(scale=(0.1, 1))).validation())
    assert torch.equal(plain, geometry)


def test_padded_crop_stays_where_no_area_is_given() -> None:
    """A trick of evaluation alone trains on what the default trains on."""
    data = _data()
    plain = _images(_pipeline(data).training_epoch(1))
    assert torch.equal(plain, _images(_pipeline(data, g=InputGeometry(crop=0.8)).training_epoch(1)))


@pytest.mark.parametrize("trick", [InputGeometry(test_size=1.25), ProgressiveResizing()])
def test_a_network_of_one_size_is_not_applicable(trick: Trick) -> None:
    """The reason names both sizes; any size is well with a pooled network, left unchanged."""
    with pytest.raises(NotApplicable, match=r"images of 16x16 and takes none of (20x20|8x8)"):
        trick.edit_model(_Flat(), EXAMPLE)
    network = SmallResNet(8, 4, 10, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert trick.edit_model(network, EXAMPLE) is network
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


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
    pipeline = _pipeline(_data(), size=ProgressiveResizing(delay=0.25, finish=0.25))
    sides = [
        [images.shape[3] for images, _ in pipeline.training_epoch(epoch)] for epoch in range(4)
    ]
    assert sides == [[8] * 4, [8, 8, 8, 12], [12, 12, 16, 16], [16] * 4]
    assert all(images.shape[3] == 16 for images, _ in pipeline.validation())


def test_zero_centre_and_squeeze() -> None:
    """Mean 0 at the scale of [0, 1]; and -1 to 1 whatever the data."""
    data = _data()
    images = data.train.images
    assert isinstance(images, Tensor)
    centred = Normalizer(ZeroCentre().fit_scaling(data), 3, CPU)(images)
    assert centred.mean((0, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(centred.std((0, 2, 3)), torch.tensor(data.std), rtol=1e-3)
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    squeezed = Normalizer(Squeeze().fit_scaling(data), 3, CPU)(ends)
    assert squeezed.amin((1, 2, 3)).tolist() == pytest.approx([-1, 1])
    assert squeezed.amax((1, 2, 3)).tolist() == pytest.approx([-1, 1])


def test_whitening_is_scikit_learns_turned_back() -> None:
    """Without a ridge: its PCA's whitened components, rotated by them back to pixels."""
    rng = generator(0, "vectors")
    vectors = torch.randn(500, 6, generator=rng, dtype=torch.float64)
    vectors = vectors @ torch.randn(6, 6, generator=rng, dtype=torch.float64)
    vectors -= vectors.mean(0)
    ours = vectors @ whitening_matrix(vectors, ridge=1e-15)
    reference = PCA(whiten=True).fit(vectors.numpy())
    theirs = reference.transform(vectors.numpy()) @ reference.components_
    assert torch.allclose(ours * (499 / 500) ** 0.5, torch.from_numpy(theirs), atol=1e-8)
    assert torch.allclose(ours.T @ ours / 500, torch.eye(6).double(), atol=1e-8)


def test_whitening_is_fitted_on_the_training_split() -> None:
    """There pixels are uncorrelated, up to the ridge; the map is the same for other images."""
    data = _data(count=2000, size=8, channels=1)
    other = Split(data.val.images[:10] // 2, data.val.targets[:10])  # type: ignore[index]
    data = dataclasses.replace(data, val=other, test=other)
    scaling = PcaWhitening(ridge=1e-3).fit_scaling(data)
    images = data.train.images
    assert isinstance(images, Tensor)
    white = Normalizer(scaling, 1, CPU)(images)
    vectors = white.flatten(1).double()
    covariance = vectors.T @ vectors / len(vectors)
    assert vectors.mean(0).abs().max() < 1e-4
    assert (covariance - torch.eye(64)).abs().max() < 0.1
    three = Normalizer(scaling, 3, CPU)(images[:2])
    assert torch.allclose(three, white[:2].expand(-1, 3, -1, -1), atol=1e-3)
    with pytest.raises(ValueError, match=r"fitted to images of \(8, 8\)"):
        Normalizer(scaling, 1, CPU)(images[:, :, :4, :4])


def test_whitening_needs_small_images() -> None:
    """Beyond 4,096 numbers it says so."""
    data = dataclasses.replace(_data(count=8), size=(64, 64))
    with pytest.raises(NotApplicable, match="4096 numbers at most and these have 12288"):
        PcaWhitening().fit_scaling(data)


def test_two_crops_conflict() -> None:
    """As two losses do."""
    with pytest.raises(ValueError, match="a and b both give crop_training"):
        Hooks({"a": InputGeometry(), "b": InputGeometry()}, seed=0)


def test_whitening_refuses_evaluation_at_another_size() -> None:
    """Its matrix is of one size; a crop of the same size is none of its business."""
    with pytest.raises(Conflict, match="whitening is of one image size"):
        refuse_conflicts({"scaling": PcaWhitening(), "geometry": InputGeometry(test_size=1.25)})
    refuse_conflicts({"scaling": PcaWhitening(), "geometry": InputGeometry(crop=0.875)})


@pytest.mark.parametrize(
    "make",
    [
        lambda: InputGeometry(scale=(0, 1)),
        lambda: InputGeometry(crop=1.5),
        lambda: InputGeometry(test_size=0),
        lambda: ProgressiveResizing(start=1),
        lambda: ProgressiveResizing(delay=0.8),
        lambda: PcaWhitening(ridge=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
