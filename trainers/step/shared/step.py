"""The step of several processes: torch's DistributedDataParallel around the trial's own step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from darkmagic.trainers.runtime.processes import Processes
from darkmagic.trainers.step.eager import EagerStep
from darkmagic.trainers.step.shared.norms import synchronize_norms

__all__ = ["SharedStep"]


@dataclass
class SharedStep:
    """Takes a whole batch, of which every process has drawn the same, and trains on its own rows.

    Gradients are the whole batch's: those of each process count as its rows do, and batch
    normalisation has the statistics of all rows. So a recipe trains alike however many processes
    train it, up to the order of sums and to what the network itself draws (dropout).
    """

    eager: EagerStep
    them: Processes

    @classmethod
    def of(cls, eager: EagerStep, them: Processes) -> SharedStep:
        """Return the step that `eager` becomes."""
        synchronize_norms(eager.network)
        on_gpu = [eager.device.index or 0] if eager.device.type == "cuda" else None
        # A weight may be unused, or used beside the output alone, as an auxiliary head's is.
        forward = DistributedDataParallel(eager.network, device_ids=on_gpu, static_graph=True)
        return cls(dataclasses.replace(eager, forward=forward), them)

    def __call__(self, images: Tensor, targets: Tensor, average_weight: float | None) -> Tensor:
        """Update by one batch; return the loss of all of it at the weights before."""
        own = self.them.own(len(images))
        if own.start == own.stop:
            raise ValueError(
                f"a batch of {len(images)} cannot be shared by {self.them.count} processes: "
                "give a larger batch, or fewer GPUs a trial"
            )
        rows = own.stop - own.start
        self.eager.share = rows * self.them.count / len(images)
        loss = self.eager(images[own], targets[own], average_weight)
        return self.them.sum(loss) / self.them.count
