"""Torch's fused evaluation of transformer layers, which reads parameters and calls no module.

`nn.TransformerEncoderLayer` runs as one operation in eval mode without gradients. A trace would
show no residuals, and what an edit put into the layer would act in training alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["call_edited_layers", "fused_layers", "without_fast_path"]


@contextmanager
def without_fast_path() -> Iterator[None]:
    """Have attention and encoder layers call their modules, in eval mode too."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def fused_layers(model: nn.Module) -> bool:
    """Whether `model` has layers that may run as one operation.

    >>> fused_layers(nn.Sequential(nn.MultiheadAttention(4, 2)))
    True
    """
    kinds = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
    return any(isinstance(module, kinds) for module in model.modules())


def call_edited_layers(model: nn.Module, new: Collection[nn.Module]) -> None:
    """Have encoder layers of `model` that hold a module of `new` call it wherever they run.

    What is set are attributes that torch asks for before it fuses: they follow a copy and a pickle.
    """
    for module in model.modules():
        if not isinstance(module, nn.TransformerEncoderLayer | nn.TransformerEncoder):
            continue
        if any(part in new for part in module.modules()):
            if isinstance(module, nn.TransformerEncoder):
                module.use_nested_tensor = False
            else:
                module.activation_relu_or_gelu = 0
