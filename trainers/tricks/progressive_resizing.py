"""progressive_resizing: train on smaller images first.

What: shrinks the training images to `start` of their side, keeps them so for `delay` of
training, then lets them grow linearly to full size, which the last `finish` of training has.
Sides are rounded to multiples of `multiple`; validation is at full size.
Why: early on a network learns coarse features, which small images show; a step on them costs a
fraction of a full one.
When it helps: large images, where it saves a third of the time at little or no loss. Images
that are small already lose what they show.
Conflicts: the network must take images of any size, which one with a fixed grid (a plain vision
transformer) does not. Batch normalisation's statistics of the small size must fade before the
end: keep `finish` above 0.
Source: Composer's Progressive Image Resizing; Howard 2018 (fast.ai, DAWNBench); Touvron et al.
2019 (arXiv 1906.06423) for training below the test resolution.
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from darkmagic.trainers.augment.resample import resize
from darkmagic.trainers.fields import number, whole
from darkmagic.trainers.models.sizes import require_size
from darkmagic.trainers.trick import EditStage, Trick

__all__ = ["ProgressiveResizing"]


@dataclass(frozen=True)
class ProgressiveResizing(Trick):
    """From `start` of the side to all of it, between `delay` and `1 - finish` of training.

    >>> images, trick = torch.zeros(2, 3, 32, 32), ProgressiveResizing(start=0.5)
    >>> [trick.resize(images, progress).shape[-1] for progress in (0, 0.6, 0.7, 1)]
    [16, 20, 28, 32]
    """

    start: float = number(0.5, above=0, below=1)
    delay: float = number(0.5, at_least=0, below=1)
    finish: float = number(0.2, at_least=0, below=1)
    multiple: int = whole(4, at_least=1)

    constraints: ClassVar[tuple[str, ...]] = ("delay + finish < 1",)

    def scale(self, progress: float) -> float:
        """Return what the side is multiplied by at `progress` in [0, 1], before rounding."""
        if progress >= 1 - self.finish:
            return 1.0
        growth = max(progress - self.delay, 0) / (1 - self.delay - self.finish)
        return self.start + (1 - self.start) * growth

    def _size(self, size: tuple[int, int], progress: float) -> tuple[int, int]:
        scale = self.scale(progress)
        height, width = (
            side
            if scale == 1
            else min(side, max(1, round(side * scale / self.multiple)) * self.multiple)
            for side in size
        )
        return height, width

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.CHECK

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        require_size(model, example, self._size((example.shape[2], example.shape[3]), 0.0))
        return model

    def resize(self, images: Tensor, progress: float) -> Tensor:
        return resize(images, self._size((images.shape[2], images.shape[3]), progress))
