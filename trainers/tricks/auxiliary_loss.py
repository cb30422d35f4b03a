"""auxiliary_loss: a second classifier in the middle of the network, while it trains.

What: puts a small classifier on the map of the middle stage and adds `weight` times its loss,
of the same kind and against the same targets, to the network's. It is there in training only:
evaluation does not run it, it is dropped afterwards, and parameters and FLOPs do not count it.
Why: its gradient enters half-way, so that the lower layers get a strong signal early, and
learn features that tell classes apart; it also regularises.
When it helps: deep plain networks without residual blocks or batch norm, which have trouble
with their gradients; with both it is mostly a regulariser of small effect.
Places: the map that leaves the middle stage.
Conflicts: none. A loss of another trick, such as label smoothing, is used for both.
Source: Szegedy et al. 2015 (arXiv 1409.4842), section 5, with weight 0.3; Lee et al. 2015
(arXiv 1409.5185); Szegedy et al. 2016 (arXiv 1512.00567), section 4, for what it really does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.auxiliary import (
    AuxiliaryHead,
    auxiliary_heads,
    drop_auxiliary_heads,
)
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.places import call_with_result
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.stages import find_stages
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["AuxiliaryLoss", "add_auxiliary_head"]


def add_auxiliary_head(model: nn.Module, example: Tensor, weight: float) -> nn.Module:
    """Return `model`, edited in place, with an `AuxiliaryHead` on its middle stage.

    `example` (B, C, H, W) is what the model takes. Of n stages it is number n / 2, rounded
    up. Raises `NotApplicable` where there is one stage only, or no module gives its map.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_auxiliary_head(net, torch.zeros(2, 3, 8, 8), weight=0.3)
    >>> [name for name, part in edited.named_modules() if isinstance(part, AuxiliaryHead)]
    ['blocks.1.act2.auxiliary']
    """
    trace = trace_model(model, example)
    ends = [stage.result for stage in find_stages(trace) if stage.result is not None]
    if not ends:
        raise NotApplicable("auxiliary_loss goes on a middle stage, and the model has one stage")
    logits = trace.calls[0].output
    assert logits is not None
    end = ends[len(ends) // 2]
    call = call_with_result(end)
    if call is None or len(end.shape) != 4:
        raise NotApplicable("auxiliary_loss finds no layer that gives the middle stage's map")
    count_places(1, 1)
    head = AuxiliaryHead(end.shape[1], logits.shape[1], weight)
    return replace_calls(model, trace, {call: After(call.module, "auxiliary", head)})


@dataclass(frozen=True)
class AuxiliaryLoss(Trick):
    """An auxiliary classifier, whose loss counts `weight`.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = AuxiliaryLoss(weight=0.3).edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> [part.weight for part in edited.modules() if isinstance(part, AuxiliaryHead)]
    [0.3]
    """

    keeps_output: ClassVar[bool] = True
    weight: float = number(0.3, above=0)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_auxiliary_head(model, example, self.weight)

    def extra_loss(
        self, model: nn.Module, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor | None:
        taken = [(head.weight, head.take_logits()) for head in auxiliary_heads(model)]
        terms = [
            weight * loss(logits.float(), targets) for weight, logits in taken if logits is not None
        ]
        return sum(terms[1:], terms[0]) if terms else None

    def finish_model(self, model: nn.Module) -> nn.Module:
        return drop_auxiliary_heads(model)
