"""Batch normalisation over the rows of all processes.

On GPUs it is torch's own SyncBatchNorm; torch has none for a CPU, so that there the same sums are
written out, which is what tests compare with one process.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["synchronize_norms"]


def synchronize_norms(network: nn.Module) -> None:
    """Have every batch normalisation of `network` see the rows of all processes.

    Names and weights stay as they are, and what is evaluated is not changed.
    """
    for module in network.modules():
        for name, child in list(module.named_children()):
            if not isinstance(child, _BatchNorm) or isinstance(child, nn.SyncBatchNorm):
                continue
            weight = next(child.parameters(), None)
            if weight is not None and weight.device.type == "cuda":
                synced = nn.SyncBatchNorm.convert_sync_batchnorm(child)  # type: ignore[no-untyped-call]
                setattr(module, name, synced)
            else:
                child.forward = types.MethodType(_forward, child)  # type: ignore[method-assign]


def _forward(norm: _BatchNorm, values: Tensor) -> Tensor:
    """Normalise `values` (B, C, ...) as a batch normalisation does, by the rows of all."""
    if not norm.training and norm.running_mean is not None:
        return F.batch_norm(
            values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
    others = [dim for dim in range(values.dim()) if dim != 1]
    exact, channels = values.double(), values.shape[1]
    count = exact.new_tensor([values.numel() / channels])
    local = torch.cat([exact.sum(others), exact.square().sum(others), count])
    total: Tensor = _Sum.apply(local)
    sums, squares, number = torch.split(total, [channels, channels, 1])
    mean = sums / number
    variance = (squares / number - mean.square()).clamp(min=0)
    mean, variance = mean.to(values.dtype), variance.to(values.dtype)
    seen = float(number.detach())
    if norm.training and norm.track_running_stats and norm.running_mean is not None:
        _move(norm, mean.detach(), (variance * seen / (seen - 1)).detach())
    shape = [1, -1] + [1] * (values.dim() - 2)
    scale = torch.rsqrt(variance + norm.eps)
    shift = -mean * scale
    if norm.affine:
        scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
    normalised: Tensor = values * scale.view(shape) + shift.view(shape)
    return normalised


@torch.no_grad()
def _move(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics towards a batch's."""
    assert norm.num_batches_tracked is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.num_batches_tracked.add_(1)
    share = norm.momentum
    if share is None:  # the mean of all batches
        share = 1.0 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total
