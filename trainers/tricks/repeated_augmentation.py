"""repeated_augmentation: several versions of an image in one batch.

What: puts each image `repeats` times into a row, each time augmented by draws of its own, so that
a batch of B has B / `repeats` different images. Epochs have as many steps as before, and so show
a part of the images each, another part every time.
Why: the versions of an image differ only by augmentation, so that their gradients say what should
not depend on it; images that repeat make the gradient of a batch less noisy.
When it helps: strong augmentation and long schedules, in vision transformers above all. With few
epochs each image is seen too seldom.
Conflicts: without augmentation the versions are alike, and a batch is only a smaller one.
Source: Hoffer et al. 2020, "Augment your batch" (CVPR; arXiv 1901.09335); Berman et al. 2019
(arXiv 1902.05509); three repeats and the order as in timm's `RepeatAugSampler`.
Published:
- none found that changes this alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.fields import whole
from darkmagic.trainers.trick import Trick

__all__ = ["RepeatedAugmentation"]


@dataclass(frozen=True)
class RepeatedAugmentation(Trick):
    """Each image `repeats` times in a row.

    >>> RepeatedAugmentation(repeats=3).image_repeats()
    3
    """

    repeats: int = whole(3, at_least=1)

    def image_repeats(self) -> int:
        return self.repeats
