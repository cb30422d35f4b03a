"""input_geometry: what part of an image is seen, and how large, in training and in evaluation.

What: `pad_crop`, the default, shifts training images by the data set's few pixels and evaluates
whole ones. `resized_crop` trains on a random part, a share of the image within `scale`, at full
size. `test_crop` evaluates the middle, enlarged: the image is resized to 1 / `crop` and cropped
to full size. `test_size` evaluates at a higher resolution than is trained at. `fixres` is
random parts and a higher resolution together.
Why: crops of many scales teach scale; but they show objects larger than whole images do, and a
higher resolution in evaluation makes up for it.
When it helps: natural images of objects at many scales. On small centred ones (digits) crops
cut the object.
Conflicts: images come from the data set at one size, so enlarging shows nothing new. A higher
resolution needs a network that takes any size.
Source: Krizhevsky et al. 2012 (NIPS) and He et al. 2016 (arXiv 1512.03385), section 4.2, for
padded crops; Szegedy et al. 2015 (arXiv 1409.4842), section 6, for resized ones; Touvron et al.
2019, FixRes (arXiv 1906.06423), section 3, without its fine-tuning.
Published:
- train at 176 against 224, test at 224: +0.16; ResNet-50; ImageNet; 600 epochs, best of 3;
  torchvision 2021 recipe post, table of steps
- tuned for and tested at 384 against tested at 224, both trained at 224: +2.0; ResNet-50; ImageNet;
  epochs not stated; FixRes README, pre-trained networks
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.augment.boxes import crop_boxes
from darkmagic.trainers.augment.resample import crop_middle, resize, resize_boxes
from darkmagic.trainers.fields import number, pair
from darkmagic.trainers.models.sizes import require_size
from darkmagic.trainers.trick import EditStage, Trick

__all__ = ["InputGeometry"]


@dataclass(frozen=True)
class InputGeometry(Trick):
    """Train on parts of a share within `scale` (None: on shifted images), evaluate the middle.

    Evaluated are images `test_size` times as large; the middle `crop` of each side of them.

    >>> images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> InputGeometry(crop=0.75).crop_validation(images).shape
    torch.Size([2, 3, 32, 32])
    """

    scale: tuple[float, float] | None = pair(None, above=0, at_most=1)
    crop: float = number(1.0, above=0, at_most=1)
    test_size: float = number(1.0, above=0)

    def _test_size(self, images: Tensor) -> tuple[int, int]:
        return _scaled(images, self.test_size)

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.CHECK

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        require_size(model, example, self._test_size(example))
        return model

    def crop_training(self, images: Tensor, pad: int, rng: torch.Generator) -> Tensor:
        if self.scale is None:
            return super().crop_training(images, pad, rng)
        size = (images.shape[2], images.shape[3])
        return resize_boxes(images, crop_boxes(len(images), size, rng, self.scale))

    def crop_validation(self, images: Tensor) -> Tensor:
        larger = resize(images, _scaled(images, self.test_size / self.crop))
        return crop_middle(larger, self._test_size(images))


def _scaled(images: Tensor, factor: float) -> tuple[int, int]:
    height, width = images.shape[2:]
    return round(height * factor), round(width * factor)
