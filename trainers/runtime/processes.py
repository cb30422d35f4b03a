"""The processes that train one trial together: one, or one a GPU under torch's elastic launcher.

Each has a share of the rows of every batch. What they compute together is what one would compute of
the whole batch, up to the order of sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

__all__ = ["Processes", "processes"]

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process's number among so many.

    >>> two = [Processes(rank, 2) for rank in range(2)]
    >>> [each.own(5) for each in two]
    [slice(0, 2, None), slice(2, 5, None)]
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files of the trial."""
        return self.rank == 0

    def own(self, rows: int) -> slice:
        """Return which of so many rows are this process's."""
        return slice(self.rank * rows // self.count, (self.rank + 1) * rows // self.count)

    def gather(self, own: Tensor, rows: int) -> Tensor:
        """Return all of so many rows, of which each process gives its own."""
        if self.count == 1:
            return own
        most = -(-rows // self.count)
        padded = own.new_zeros(most, *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(parts, padded)
        sizes = [_length(Processes(rank, self.count).own(rows)) for rank in range(self.count)]
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of the `value` of each process."""
        if self.count == 1:
            return value
        total = value.clone()
        distributed.all_reduce(total)
        return total

    def agree(self, answer: T) -> T:
        """Return the first process's answer, for which the others wait."""
        if self.count == 1:
            return answer
        told = [answer]
        distributed.broadcast_object_list(told)
        return told[0]

    def each(self, answer: T) -> list[T]:
        """Return the answer of each process, in order."""
        if self.count == 1:
            return [answer]
        told: list[T] = [answer] * self.count
        distributed.all_gather_object(told, answer)
        return told


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def processes() -> Processes:
    """Return the processes that train this trial."""
    if distributed.is_available() and distributed.is_initialized():
        return Processes(distributed.get_rank(), distributed.get_world_size())
    return Processes()
