"""A place within an epoch: what a checkpoint needs beside weights to go on from there.

Batches are drawn by generators of their own, one after another, so that whoever goes on at step k
needs the generators as they were after k batches, and no batch before that. The network's draws
(dropout) come from torch's global generators, of which each process of a trial has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from darkmagic.trainers.runtime.processes import processes

__all__ = ["MidEpoch"]

Draws = dict[str, Tensor]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class MidEpoch:
    """After `step` steps of an epoch: the losses' sum, the seconds, and the generators' states.

    Without any, it is an epoch's start.
    """

    step: int = 0
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros(()))
    seconds: float = 0.0
    draws: Draws = field(default_factory=dict)  # of what makes batches
    cpu: Tensor | None = None  # torch's own generators
    gpu: Tensor | None = None
    others: list[tuple[Tensor, Tensor | None]] = field(default_factory=list)
    """The same of each further process that trains the trial."""

    @classmethod
    def after(
        cls, step: int, loss_sum: Tensor, seconds: float, draws: Draws, device: torch.device
    ) -> MidEpoch:
        """Return the place that training on `device` is at; all processes of a trial call it."""
        gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        own, *others = processes().each((torch.get_rng_state(), gpu))
        return cls(step, loss_sum.cpu(), seconds, draws, *own, others)

    @classmethod
    def of(cls, saved: Mapping[str, Any] | None, draws: Mapping[str, Any], steps: int) -> MidEpoch:
        """Return the place that `as_dict` gave, in an epoch of so many `steps`; its start for None.

        Raises `TypeError`, `ValueError` or `RuntimeError` where it is none, or was not drawn by
        what has the names of `draws`. An epoch is shorter than it was where images were deleted.
        """
        if saved is None:
            return cls()
        place = cls(**saved)
        if not 1 <= place.step < steps or place.cpu is None or place.draws.keys() != draws.keys():
            raise ValueError("a place in an epoch of other batches")
        if place.loss_sum.shape != () or not isinstance(place.seconds, float):
            raise TypeError("no sum of losses, or no seconds")
        for state in (*place.draws.values(), place.cpu):
            torch.Generator().set_state(state)  # raises for what is none
        return place

    def as_dict(self) -> dict[str, Any] | None:
        """Return numbers and tensors; None for an epoch's start."""
        return asdict(self) if self.step else None

    def restored(self, batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
        """Yield `batches`, with torch's own generators where they were.

        They are put there once the first batch has come: a loader that begins draws from them too.
        A process that was not there when the place was saved keeps its own.
        """
        states = [(self.cpu, self.gpu), *self.others]
        rank = processes().rank
        cpu, gpu = states[rank] if rank < len(states) else (None, None)
        for index, batch in enumerate(batches):
            if index == 0 and cpu is not None:
                torch.set_rng_state(cpu)
                if gpu is not None and device.type == "cuda":
                    torch.cuda.set_rng_state(gpu, device)
            yield batch
