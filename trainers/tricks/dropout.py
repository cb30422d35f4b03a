"""dropout: switch off random units after wide layers while training.

What: puts dropout of `rate` in front of every linear layer that reads a vector of more than
`wider_than` units: after wide hidden layers, and after the global pooling of a wide network.
Each unit is zero with that probability, and divided by 1 - rate otherwise. The dropout modules
that the network has already get rate 0 then. Rate 0 leaves the network as it is, its own dropout
too.
Why: units cannot rely on particular others, which is a cheap ensemble; the widest layers have
the most weights to overfit with.
When it helps: fully connected layers of thousands of units, few data. Between convolutions
with batch norm it does harm, as it shifts their statistics, so there it is not put.
Places: linear layers that read such a vector, but gates' own.
Conflicts: drop_path, mixup and strong augmentation regularise as well: less of each will do.
Source: Srivastava et al. 2014 (JMLR 15); Li et al. 2019 (arXiv 1801.05134) for batch norm.
Published:
- dropout against none: +0.11; WRN-28-10; CIFAR-10; epochs not stated, median of 5;
  wide-residual-networks README, CIFAR table
- dropout against none: +0.40; WRN-28-10; CIFAR-100; epochs not stated, median of 5;
  wide-residual-networks README, CIFAR table
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from darkmagic.trainers.fields import number, whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import Before
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.places import gate_ops
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["Dropout", "add_dropout"]

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def add_dropout(model: nn.Module, example: Tensor, rate: float, wider_than: int) -> nn.Module:
    """Return `model`, edited in place, with dropout before linear layers of wide inputs.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where no linear
    layer reads a vector of more than `wider_than` units.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 300), nn.ReLU(), nn.Linear(300, 2))
    >>> add_dropout(net, torch.zeros(2, 3, 8, 8), rate=0.5, wider_than=256)[3]
    Before(
      (layer): Linear(in_features=300, out_features=2, bias=True)
      (dropout): Dropout(p=0.5, inplace=False)
    )
    """
    if rate == 0:
        return model
    trace = trace_model(model, example)
    vectors = _read_vectors(trace)
    wide = [call for call, units in vectors.items() if units > wider_than]
    if not wide:
        widest = f"the widest vector is of {max(vectors.values())}" if vectors else "it has none"
        raise NotApplicable(
            f"dropout goes before linear layers that read over {wider_than} units: {widest}"
        )
    count_places(len(wide), len(wide))
    for own in model.modules():
        if isinstance(own, _DROPOUTS):
            own.p = 0.0  # and stays: a forward may read it, as timm's attention does
    return replace_calls(
        model, trace, {call: Before(call.module, "dropout", nn.Dropout(rate)) for call in wide}
    )


def _read_vectors(trace: Trace) -> dict[Call, int]:
    """Return the units of the vectors (B, units) that linear layers read; gates are none."""
    gates = gate_ops(trace)
    return {
        call: call.module.in_features
        for call in trace.calls
        if isinstance(call.module, nn.Linear)
        and call.output is not None
        and len(call.output.shape) == 2
        and call.output not in gates
    }


@dataclass(frozen=True)
class Dropout(Trick):
    """Dropout of `rate` on vectors of more than `wider_than` units.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 300), nn.ReLU(), nn.Linear(300, 2))
    >>> Dropout(rate=0.5).edit_model(net, torch.zeros(2, 3, 8, 8))[3]
    Before(
      (layer): Linear(in_features=300, out_features=2, bias=True)
      (dropout): Dropout(p=0.5, inplace=False)
    )
    """

    keeps_output: ClassVar[bool] = True
    rate: float = number(0.2, at_least=0, below=1)
    wider_than: int = whole(256, at_least=0)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_dropout(model, example, self.rate, self.wider_than)
