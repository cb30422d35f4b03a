"""attention_dropout: switch off random connections between tokens while training.

What: drops each weight of an attention map with probability `rate`, and divides the others by
1 - rate: in every `nn.MultiheadAttention`, in every dropout module that reads a softmax, and in
modules that have one as `attn_drop`, as timm's have. Rate 0 leaves the network as it is.
Why: tokens cannot rely on particular others, as units cannot in dropout.
When it helps: small data and long schedules that overfit; large data need none, and most vision
recipes leave it out.
Places: attention maps; one whose dropout no module shows stays.
Conflicts: dropout, drop_path, mixup and strong augmentation regularise as well.
Source: Vaswani et al. 2017 (arXiv 1706.03762) for the layer; Srivastava et al. 2014 (JMLR 15) for
dropout.
Published:
- none found that changes this alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["AttentionDropout", "drop_attention"]


def drop_attention(model: nn.Module, example: Tensor, rate: float) -> nn.Module:
    """Return `model`, edited in place, whose attention maps drop out with `rate`.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where the model has no
    attention whose dropout a module shows.

    >>> layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = nn.Sequential(nn.Flatten(2), layer, nn.Flatten(), nn.Linear(12, 2))
    >>> drop_attention(net, torch.zeros(2, 3, 2, 2), rate=0.2)[1].self_attn.dropout
    0.2
    """
    if rate == 0:
        return model
    attentions = [m for m in model.modules() if isinstance(m, nn.MultiheadAttention)]
    found = {m: None for m in map(_attn_drop, model.modules()) if m is not None}
    trace = trace_model(model, example)
    for call in trace.calls:
        reads_map = call.input is not None and call.input.name == "_softmax"
        if reads_map and isinstance(call.module, nn.Dropout):
            found[call.module] = None
    if not attentions and not found:
        raise NotApplicable("attention_dropout finds no attention with a dropout of its own")
    edited = len(attentions) + len(found)
    maps = [op for op in trace.ops if op.name == "_softmax" or "scaled_dot_product" in op.name]
    count_places(edited, max(edited, len(maps)))
    for attention in attentions:
        attention.dropout = rate
    for dropout in found:
        dropout.p = rate
    return model


def _attn_drop(module: nn.Module) -> nn.Dropout | None:
    own = module._modules.get("attn_drop")  # noqa: SLF001 (registered, not handed on by a wrapper)
    return own if isinstance(own, nn.Dropout) else None


@dataclass(frozen=True)
class AttentionDropout(Trick):
    """Dropout of `rate` on every attention map.

    >>> import torch
    >>> layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = nn.Sequential(nn.Flatten(2), layer, nn.Flatten(), nn.Linear(12, 2))
    >>> AttentionDropout(0.3).edit_model(net, torch.zeros(2, 3, 2, 2))[1].self_attn.dropout
    0.3
    """

    keeps_output: ClassVar[bool] = True
    rate: float = number(0.1, at_least=0, below=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return drop_attention(model, example, self.rate)
