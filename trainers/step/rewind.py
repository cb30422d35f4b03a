"""Steps that leave no trace: what a step changes is kept, and put back in place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Rewind"]


class Rewind:
    """Keeps a network's weights and statistics, an average's and an optimizer's state, the global
    generators of the CPU and of `device`, and `tensors` besides.

    What is kept of tensors lies on the CPU, so that it is no part of a GPU's peak memory.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: nn.Module | None,
        device: torch.device,
        tensors: Sequence[Tensor] = (),
    ) -> None:
        self._tensors = [(tensor, _to_cpu(tensor)) for tensor in tensors]
        self._modules = [network] if average is None else [network, average]
        self._optimizer = optimizer
        self._device = device
        self._kept = [
            {name: _to_cpu(value) for name, value in module.state_dict().items()}
            for module in self._modules
        ]
        self._optimizer_kept = _to_cpu(optimizer.state_dict())
        self._state = {
            parameter: {k: _to_cpu(v) for k, v in state.items() if isinstance(v, Tensor)}
            for parameter, state in optimizer.state.items()
        }
        self._cpu_rng = torch.get_rng_state()
        self._device_rng = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Put everything back, the optimizer as if it had never stepped."""
        self._restore_modules()
        self._optimizer.load_state_dict(copy.deepcopy(self._optimizer_kept))
        self._modules[0].zero_grad(set_to_none=True)

    @torch.no_grad()
    def restore_in_place(self) -> None:
        """Put everything back at its address, which a captured graph has written down.

        State that the steps made becomes zeros, where optimizers that can be captured begin.
        """
        self._restore_modules()
        for parameter, state in self._optimizer.state.items():
            kept = self._state.get(parameter, {})
            for key, value in state.items():
                if isinstance(value, Tensor):
                    value.copy_(kept[key]) if key in kept else value.zero_()

    @torch.no_grad()
    def _restore_modules(self) -> None:
        for module, kept in zip(self._modules, self._kept, strict=True):
            for name, value in module.state_dict().items():
                value.copy_(kept[name])
        for tensor, kept_value in self._tensors:
            tensor.copy_(kept_value)
        torch.set_rng_state(self._cpu_rng)
        if self._device_rng is not None:
            torch.cuda.set_rng_state(self._device_rng, self._device)


def _to_cpu(value: Any) -> Any:
    """Return a copy of `value`, of the tensors in it on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _to_cpu(each) for key, each in value.items()}
    return [_to_cpu(each) for each in value] if isinstance(value, list) else copy.deepcopy(value)
