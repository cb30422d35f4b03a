"""input_scaling: how pixels become the numbers that the network sees.

What: `mean_std`, the default, subtracts the training split's mean and divides by its standard
deviation, both a channel; `zero_centre` only subtracts; `squeeze` maps 0..255 to [-1, 1] whatever
the data; `pca_whitening` rotates images to their principal components, divides each by its
standard deviation, and rotates back, so that neighbouring pixels stay neighbours (ZCA).
Why: inputs of mean 0 and variance 1 suit the usual initial weights; whitened ones also spare
the first layer the correlations between pixels.
When it helps: scaling matters less once batch normalisation follows; whitening helped shallow
networks on small images.
Conflicts: pretrained weights want the scaling that they were trained with. Whitening is of one
image size, and so refused with evaluation at another (input_geometry); it amplifies what is
weak, noise too, which `ridge` holds back.
Source: LeCun et al. 1998, "Efficient BackProp", section 4.3; Krizhevsky 2009, "Learning Multiple
Layers of Features from Tiny Images", appendix A, for whitening; Mishkin et al. 2017 (arXiv
1606.02228) for a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.data.assembly.stats import sample_images
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.prepare import Scaling, by_channel
from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.input_geometry import InputGeometry

__all__ = ["PcaWhitening", "Squeeze", "ZeroCentre", "whitening_matrix"]

LARGEST = 4096  # numbers an image; beyond, the matrix and its eigenvectors cost too much
SAMPLE = 20_000  # images give the covariance of 3 x 32 x 32 pixels


@dataclass(frozen=True)
class ZeroCentre(Trick):
    """Pixels in [0, 1] less the mean of their channel.

    >>> from darkmagic.trainers.data import Shapes
    >>> data = Shapes(count=20).load(split_seed=0)
    >>> scaling = ZeroCentre().fit_scaling(data)
    >>> float(scaling.mean) == data.mean[0], float(scaling.std)
    (True, 1.0)
    """

    def fit_scaling(self, data: Data) -> Scaling:
        return by_channel(data.mean, [1.0] * data.channels)


@dataclass(frozen=True)
class Squeeze(Trick):
    """Pixels from -1 to 1.

    >>> from darkmagic.trainers.data import Shapes
    >>> data = Shapes(count=20).load(split_seed=0)
    >>> scaling = Squeeze().fit_scaling(data)
    >>> ((torch.tensor([0.0, 0.5, 1.0]) - scaling.mean) / scaling.std).flatten()
    tensor([-1.,  0.,  1.], dtype=torch.float64)
    """

    def fit_scaling(self, data: Data) -> Scaling:
        return by_channel([0.5] * data.channels, [0.5] * data.channels)


def whitening_matrix(vectors: Tensor, ridge: float) -> Tensor:
    """Return the symmetric (D, D) that whitens `vectors` (N, D), float64, of mean 0.

    Each variance is raised by `ridge` times the mean of all before it is divided by.

    >>> vectors = torch.tensor([[2.0, 0], [-2, 0], [0, 1], [0, -1]], dtype=torch.float64)
    >>> white = vectors @ whitening_matrix(vectors, ridge=0.0)
    >>> (white.T @ white / len(white)).round(decimals=3)
    tensor([[1., 0.],
            [0., 1.]], dtype=torch.float64)
    """
    variances, directions = torch.linalg.eigh(vectors.T @ vectors / len(vectors))
    variances = variances.clamp_min(0)
    scales = (variances + ridge * variances.mean()).rsqrt()
    matrix: Tensor = (directions * scales) @ directions.T
    return matrix


@dataclass(frozen=True)
class PcaWhitening(Trick):
    """Whiten whole images; `ridge` is a share of the mean variance.

    >>> from darkmagic.trainers.data import Shapes
    >>> data = Shapes(count=20).load(split_seed=0)
    >>> scaling = PcaWhitening(ridge=0.1).fit_scaling(data)
    >>> scaling.matrix.shape
    torch.Size([64, 64])
    """

    ridge: float = number(0.1, above=0)

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, InputGeometry) and other.test_size != 1:
            return "whitening is of one image size, and evaluation would be at another"
        return None

    def fit_scaling(self, data: Data) -> Scaling:
        numbers = data.channels * data.size[0] * data.size[1]
        if numbers > LARGEST:
            raise NotApplicable(
                f"pca_whitening takes images of {LARGEST} numbers at most and these have {numbers}"
            )
        images = sample_images(data.train, SAMPLE).double() / 255
        mean = images.mean(0)
        matrix = whitening_matrix((images - mean).flatten(1), self.ridge)
        return Scaling(mean, torch.ones_like(mean), matrix)
