"""model_size: the same network, narrower or wider.

What: multiplies the channels of every layer by `factor`, but those of the image and of the
classes. Weights and operations change by about its square. New weights are drawn like the
network's own, which keeps its author's initialisation.
Why: width is the simplest way to trade accuracy for time and memory.
When it helps: twice as wide where the training loss stays high; half where it overfits, or
where the device is small. The first thing to know before tuning anything else.
Places: layers and norms; one that cannot be resized refuses them all.
Conflicts: published weights, which have one width: refused. A network that holds weights in
modules of its own kind, or counts on numbers of channels, does not apply.
Source: Zagoruyko & Komodakis 2016 (arXiv 1605.07146) for width against depth; Howard et al.
2017 (arXiv 1704.04861), section 3.3, the width multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.resize import resize_width
from darkmagic.trainers.trick import EditStage, Trick
from darkmagic.trainers.tricks.pretrain import Pretrain

__all__ = ["ModelSize"]


@dataclass(frozen=True)
class ModelSize(Trick):
    """`factor` times as many channels in every layer.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> ModelSize(factor=2).edit_model(net, torch.zeros(2, 3, 8, 8)).head
    Linear(in_features=32, out_features=10, bias=True)
    """

    factor: float = number(2.0, above=0, at_most=16)

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.SIZE

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, Pretrain) and not other.after_edits:
            return "published weights have the network's own width"
        return None

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return resize_width(model, example, self.factor)
