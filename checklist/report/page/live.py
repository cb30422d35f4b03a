"""How far a sweep is, for a page that follows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Live", "Running"]

MAX_NAMED = 4


@dataclass(frozen=True)
class Running:
    """A run in training, at the end of `epoch` of `epochs`; 0 where that is not known."""

    name: str
    epoch: int
    epochs: int

    @property
    def text(self) -> str:
        """Its name and its epoch."""
        if not self.epoch:
            return self.name
        return f"{self.name} epoch {self.epoch}" + (f" of {self.epochs}" if self.epochs else "")


@dataclass(frozen=True)
class Live:
    """`done` of `total` runs have ended; `stamp` is another one whenever a result is new.

    >>> Live(1, 4, (Running("mixup=on seed 0", 3, 20),), "x").text
    '1 of 4 runs have ended; in training: mixup=on seed 0 epoch 3 of 20'
    """

    done: int
    total: int
    running: tuple[Running, ...]
    stamp: str

    @property
    def text(self) -> str:
        """How far it is, in a sentence."""
        said = f"{self.done} of {self.total} runs have ended"
        if not self.running:
            return said
        named = ", ".join(run.text for run in self.running[:MAX_NAMED])
        more = len(self.running) - MAX_NAMED
        return f"{said}; in training: {named}" + (f" and {more} more" if more > 0 else "")

    @property
    def ended(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.done == self.total
