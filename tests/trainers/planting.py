"""Bugs to plant: data sets, networks and a trick that are wrong in one way each."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data, DataSet, Split
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Trick


@dataclasses.dataclass(frozen=True)
class Changed:
    """A data set after `change`."""

    source: DataSet
    change: Callable[[Data], Data]

    def load(self, split_seed: int) -> Data:
        return self.change(self.source.load(split_seed))


def shuffled_labels(data: Data) -> Data:
    """Every split has its classes, on other images."""
    rng = torch.Generator().manual_seed(0)

    def shuffled(split: Split) -> Split:
        return Split(split.images, split.targets[torch.randperm(len(split), generator=rng)])

    return dataclasses.replace(
        data, train=shuffled(data.train), val=shuffled(data.val), test=shuffled(data.test)
    )


def shuffled_training_labels(data: Data) -> Data:
    """As where images and classes are read in two orders."""
    return dataclasses.replace(data, train=shuffled_labels(data).train)


def shuffled_validation_labels(data: Data) -> Data:
    return dataclasses.replace(data, val=shuffled_labels(data).val)


def _pixels(split: Split) -> Tensor:
    assert isinstance(split.images, Tensor)
    return split.images


def leaked_into_train(data: Data) -> Data:
    images = torch.cat([_pixels(data.train), _pixels(data.test)])
    return dataclasses.replace(
        data, train=Split(images, torch.cat([data.train.targets, data.test.targets]))
    )


def encoded_anew(image: Tensor) -> Tensor:
    """Return an image (1, H, W) after it was a JPEG."""
    file = io.BytesIO()
    Image.fromarray(image[0].numpy()).save(file, "JPEG", quality=85)
    return torch.from_numpy(np.array(Image.open(file)))[None]


def copies_encoded_anew(data: Data) -> Data:
    """Forty validation images are in train too, from another JPEG encoder."""
    copies = torch.stack([encoded_anew(image) for image in _pixels(data.val)[:40]])
    images = torch.cat([_pixels(data.train), copies])
    targets = torch.cat([data.train.targets, data.val.targets[:40]])
    return dataclasses.replace(data, train=Split(images, targets))


def grey_levels(data: Data) -> Data:
    """Statistics that leave pixels in 0..255."""
    return dataclasses.replace(data, mean=(0.0,), std=(1 / 255,))


def never_centred(data: Data) -> Data:
    """Statistics that leave pixels in 0..1."""
    return dataclasses.replace(data, mean=(0.0,), std=(1.0,))


def sorted_by_class(data: Data) -> Data:
    order = data.train.targets.argsort()
    return dataclasses.replace(
        data, train=Split(_pixels(data.train)[order], data.train.targets[order])
    )


class EndsInSoftmax(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).softmax(1)


class EndsInSigmoid(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).sigmoid()


class Frozen(SmallResNet):
    """All but the head."""

    def __init__(self, **kwargs: int) -> None:
        super().__init__(**kwargs)
        for parameter in [*self.stem.parameters(), *self.blocks.parameters()]:
            parameter.requires_grad = False


class Detached(SmallResNet):
    """No gradient passes the pooling."""

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(images)).detach().mean((2, 3)))
        return logits


class NormsInEval(SmallResNet):
    """`train` does not reach batch normalisation."""

    def train(self, mode: bool = True) -> NormsInEval:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class LeaksAcrossTheBatch(SmallResNet):
    """Takes the batch's mean where the image's was meant."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - images.mean())


class Colourblind(nn.Module):
    """One number is all that its head sees of an image: no ten classes fit through."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Linear(1, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


@dataclasses.dataclass(frozen=True)
class TrainingOnly(Trick):
    """Scales training images, and forgets those of validation."""

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        return images / 16, targets
