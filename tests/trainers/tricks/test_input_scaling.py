"""input_scaling: means, ranges and whitening against scikit-learn and definitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.prepare import Normalizer
from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Conflict, NotApplicable
from darkmagic.trainers.tricks.input_geometry import InputGeometry
from darkmagic.trainers.tricks.input_scaling import (
    PcaWhitening,
    Squeeze,
    ZeroCentre,
    whitening_matrix,
)
from pipelines import make_data

CONTRACT = {"changes": ["batches", "validation", "update"]}

CPU = torch.device("cpu")


def test_zero_centre_and_squeeze() -> None:
    """Mean 0 at the scale of [0, 1]; and -1 to 1 whatever the data."""
    data = make_data()
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
    data = make_data(count=2000, size=8, channels=1)
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
    data = dataclasses.replace(make_data(count=8), size=(64, 64))
    with pytest.raises(NotApplicable, match="4096 numbers at most and these have 12288"):
        PcaWhitening().fit_scaling(data)


def test_whitening_refuses_evaluation_at_another_size() -> None:
    """Its matrix is of one size; a crop of the same size is none of its business."""
    with pytest.raises(Conflict, match="whitening is of one image size"):
        refuse_conflicts({"scaling": PcaWhitening(), "geometry": InputGeometry(test_size=1.25)})
    refuse_conflicts({"scaling": PcaWhitening(), "geometry": InputGeometry(crop=0.875)})


@pytest.mark.parametrize(
    "make",
    [
        lambda: PcaWhitening(ridge=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
