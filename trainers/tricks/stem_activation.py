"""stem_activation: the activation of the stem and of the layers that feed a downscaling.

What: swaps the activation in the stem and those whose output goes into a stride-2 layer; the
rest of the network keeps its own. The stem is what runs before the first residual block, or
in a network without such blocks, before the first reduction.
Why: ReLU throws away what is negative, and where resolution is lost too the loss is for good;
leaky ReLU and swish keep some of it, and only a few layers pay for their cost.
When it helps: small effects, if any; leaky ReLU costs next to nothing.
Conflicts: activations called as functions (`F.relu`) cannot be swapped. Pretrained weights were
trained with another activation and need some epochs to adapt.
Source: Ridnik, "Revealing the Dark Magic Behind Deep Learning"; Maas et al. 2013 (ICML) for leaky
ReLU; Ramachandran et al. 2017 (arXiv 1710.05941) for swish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.surgery import replace_module
from darkmagic.trainers.models.trace import Call, Trace, trace
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["StemActivation", "TakesTurns", "stem_and_downscaling"]

ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Mish,
)


class TakesTurns(nn.Module):
    """One module for an activation that is called several times a forward, with `special` at
    some of its turns and `usual` at the others.

    A pre-forward hook of its owner starts the count anew, so that a forward that was cut short
    (or run again, as by activation checkpointing) leaves no trace.
    """

    def __init__(self, usual: nn.Module, special: nn.Module, turns: frozenset[int]) -> None:
        super().__init__()
        self.usual = usual
        self.special = special
        self.turns = turns
        self.turn = 0

    def restart(self, *_: object) -> None:
        """Begin a forward of the owner."""
        self.turn = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of `x`, of this turn."""
        chosen = self.special if self.turn in self.turns else self.usual
        self.turn += 1
        activated: Tensor = chosen(x)
        return activated


@dataclass(frozen=True)
class StemActivation(Trick):
    """Use `activation` (relu, leaky_relu or swish) in the stem and before downscaling."""

    activation: str = "leaky_relu"
    negative_slope: float = 0.01  # of leaky_relu

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "leaky_relu", "swish"):
            raise ValueError(
                f"activation={self.activation!r}: choose from relu, leaky_relu, swish"
            )

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        seen = trace(model, example)
        turns: dict[nn.Module, list[Call]] = {}
        for call in stem_and_downscaling(seen):
            turns.setdefault(call.module, []).append(call)
        if not turns:
            raise NotApplicable(
                "no activation module is in the stem or feeds a reduction (functions such as "
                "F.relu cannot be swapped)"
            )
        for module, calls in turns.items():
            inplace = bool(getattr(module, "inplace", False))
            _swap(model, calls, lambda inplace=inplace: self._make(inplace=inplace), seen)
        return model

    def _make(self, *, inplace: bool) -> nn.Module:
        if self.activation == "relu":
            return nn.ReLU(inplace=inplace)
        if self.activation == "swish":
            return nn.SiLU(inplace=inplace)
        return nn.LeakyReLU(self.negative_slope, inplace=inplace)


def stem_and_downscaling(seen: Trace) -> list[Call]:
    """Return the calls of activation modules in the stem, and those that feed a reduction."""
    reductions = [call for call in seen.calls if call.is_reduction]
    if seen.additions:
        stem_ends = min(addition.starts for addition in seen.additions)
    else:
        stem_ends = reductions[0].place if reductions else 0
    feeding = {place for call in reductions for place in call.sources}
    return [
        call
        for call in seen.calls
        if isinstance(call.module, ACTIVATIONS)
        and len(call.out_shape) == 4
        and (call.place < stem_ends or call.place in feeding)
    ]


def _swap(
    model: nn.Module, calls: list[Call], make: Callable[[], nn.Module], seen: Trace
) -> None:
    """Replace the module of `calls`: as a whole, or for these of its turns only."""
    name, module = calls[0].name, calls[0].module
    if len(calls) == seen.calls_of(module):
        replace_module(model, name, make())
        return
    shared = TakesTurns(module, make(), frozenset(call.turn for call in calls))
    replace_module(model, name, shared)
    owner = model.get_submodule(name.rpartition(".")[0])
    owner.register_forward_pre_hook(shared.restart)
