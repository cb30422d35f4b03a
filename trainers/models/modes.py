"""A network held in eval mode, or in the modes it trains in, with nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["as_in_training", "evaluating"]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold `model` in eval mode, without gradients or draws that the outside could notice.

    Every module gets its own mode back: some networks keep parts of themselves in eval.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def as_in_training(model: nn.Module) -> Iterator[None]:
    """Hold `model` in the modes it trains in, its buffers and draws hidden from the outside."""
    buffers = {buffer: buffer.detach().clone() for buffer in model.buffers()}
    modes = {module: module.training for module in model.modules()}
    model.train()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes.items():
            module.training = training
        with torch.no_grad():
            for buffer, value in buffers.items():
                buffer.copy_(value)
