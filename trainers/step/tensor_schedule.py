"""Learning rate, weight decay and an average's weight as tensors, which a captured step reads.

A CUDA graph repeats the numbers that it was captured with. Rates are therefore written to
tensors on the device before each step. torch's optimizers read a rate from a tensor; weight
decay they all turn into a number of the host (`_fused_sgd_` takes a float), so where that moves
over training it is applied here, before the update and by the same formula.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, _foreach_add_, _foreach_mul, _foreach_mul_

from darkmagic.trainers.optimizers.lion import Lion
from darkmagic.trainers.optimizers.muon import MuonAndAdamW
from darkmagic.trainers.optimizers.sam import Sam
from darkmagic.trainers.optimizers.schedule_free import ScheduleFreeSgd

__all__ = ["NotCapturable", "TensorSchedule", "prepare_optimizer"]

COUPLED = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.RMSprop,
    torch.optim.Adadelta,
)
DECOUPLED = (torch.optim.AdamW, MuonAndAdamW)
OWN = (Lion, ScheduleFreeSgd)
"""Optimizers whose step is kernels alone, by how they decay: in the gradient, in the weights, or
from a tensor by themselves. All begin with a state of zeros, or have it from `begin`.
"""


class NotCapturable(Exception):  # noqa: N818 (a finding, not an error)
    """A step cannot be replayed as a CUDA graph; the message says why."""


def prepare_optimizer(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Have state that is not zero, and step counters where `device` wants them: on a GPU that
    counts there beside the weights.

    Optimizers that can be neither captured nor fused (Adagrad) read theirs on the host in every
    step, and wait for it if it is on the GPU. The flag and the counters are part of a checkpoint,
    which may come from another device.
    """
    if isinstance(optimizer, ScheduleFreeSgd):
        optimizer.begin()
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = device.type == "cuda"
        counts_there = bool(group.get("capturable") or group.get("fused"))
        for parameter in group["params"]:
            count = optimizer.state[parameter].get("step") if parameter in optimizer.state else None
            if isinstance(count, Tensor):
                place = device if counts_there else "cpu"
                optimizer.state[parameter]["step"] = count.to(device=place, dtype=torch.float32)


class TensorSchedule:
    """Tensors of the rates in an optimizer's groups, where the numbers themselves stay.

    Raises `NotCapturable` for an optimizer whose steps depend on numbers of the host.
    `decay_moves` says that weight decay changes over training.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, device: torch.device, *, decay_moves: bool
    ) -> None:
        kind = type(optimizer.base if isinstance(optimizer, Sam) else optimizer)
        if kind not in (*COUPLED, *DECOUPLED, *OWN):
            raise NotCapturable(f"{kind.__name__} steps by numbers of the host")
        if decay_moves and isinstance(optimizer, Sam):
            raise NotCapturable("SAM takes its weight decay, which moves, from the host")
        self._optimizer = optimizer
        self._decay_moves = decay_moves
        self._applied_here = decay_moves and kind not in OWN
        self._decoupled = kind in DECOUPLED
        count = len(optimizer.param_groups)
        self._lr = [torch.zeros((), device=device) for _ in range(count)]
        self._decay = [torch.zeros((), device=device) for _ in range(count)]
        self.average_weight = torch.zeros((), device=device)
        self._written: dict[int, float] = {}

    def write(self, average_weight: float | None) -> None:
        """Copy the groups' numbers, and how far an average moves, to the tensors.

        A fill is a kernel with its value as an argument: nothing waits.
        """
        if average_weight is not None:
            self._fill(self.average_weight, average_weight)
        groups = self._optimizer.param_groups
        for group, lr, decay in zip(groups, self._lr, self._decay, strict=True):
            self._fill(lr, group["lr"])
            self._fill(decay, group["weight_decay"])

    def _fill(self, tensor: Tensor, value: float) -> None:
        if self._written.get(id(tensor)) != value:
            tensor.fill_(value)
            self._written[id(tensor)] = value

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Let the optimizer read the tensors in place of its groups' numbers."""
        groups = self._optimizer.param_groups
        numbers = [(group["lr"], group["weight_decay"]) for group in groups]
        for group, lr, decay in zip(groups, self._lr, self._decay, strict=True):
            group["lr"] = lr
            if self._decay_moves:
                group["weight_decay"] = 0.0 if self._applied_here else decay
        try:
            yield
        finally:
            for group, (rate, number) in zip(groups, numbers, strict=True):
                group["lr"], group["weight_decay"] = rate, number

    @torch.no_grad()
    def decay(self) -> None:
        """Apply weight decay that moves: call between the gradients and the update."""
        if not self._applied_here:
            return
        for group, lr, decay in zip(
            self._optimizer.param_groups, self._lr, self._decay, strict=True
        ):
            if group["base_weight_decay"] == 0:
                continue
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            if self._decoupled:
                _foreach_mul_(params, 1 - lr * decay)
            else:
                _foreach_add_([p.grad for p in params], _foreach_mul(params, decay))
