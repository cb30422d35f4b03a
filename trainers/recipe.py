"""Everything that decides what one trial trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that numbers can be checked where torch is not imported
    from torch import nn

    from darkmagic.trainers.data.base import DataSet
    from darkmagic.trainers.trick import Trick

__all__ = ["Recipe", "check_numbers"]

WORDS = {
    "amp": ("auto", "bf16", "off"),
    "cuda_graphs": ("auto", "on", "off"),
}


def check_numbers(
    *,
    epochs: int,
    batch_size: int,
    max_steps: int | None = None,
    amp: str = "auto",
    lr_scale: float = 1.0,
    cuda_graphs: str = "off",
) -> None:
    """Raise `ValueError`, one line, for a number outside its range."""
    for name, value in {"epochs": epochs, "batch_size": batch_size}.items():
        if value < 1:
            raise ValueError(f"{name}={value}: need 1 or more")
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps={max_steps}: need 1 or more, or null")
    if lr_scale <= 0:
        raise ValueError(f"lr_scale={lr_scale}: need more than 0")
    for name, word in {"amp": amp, "cuda_graphs": cuda_graphs}.items():
        if word not in WORDS[name]:
            raise ValueError(f"{name}={word!r}: choose from {', '.join(WORDS[name])}")


@dataclass(frozen=True)
class Recipe:
    """One trial, ready to train: objects and numbers, no configuration left.

    `build` makes the network from those of the keyword arguments `num_classes`,
    `in_channels` and `image_size` that it accepts.
    """

    dataset: DataSet
    build: Callable[..., nn.Module]
    tricks: Mapping[str, Trick]
    epochs: int
    batch_size: int
    seed: int = 0
    split_seed: int = 0
    max_steps: int | None = None  # ends training early, at the schedules' end
    lr_scale: float = 1.0  # of the optimizer's base lr
    test_set: bool = False  # evaluate the test set too, once, after training
    amp: str = "auto"  # auto: bf16 on a GPU that has it, off on a CPU; bf16; off
    channels_last: bool = True
    compile: bool = False  # the network's training pass, by inductor, where that is faster
    device: str = "auto"
    workers: int = 0  # processes that read images which do not fit in memory
    cuda_graphs: str = "off"  # on a GPU: auto (where they are measured to be faster), on, off
    cache: str | None = None  # the folder of compiled code; None: the user's

    def __post_init__(self) -> None:
        check_numbers(
            epochs=self.epochs,
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            amp=self.amp,
            lr_scale=self.lr_scale,
            cuda_graphs=self.cuda_graphs,
        )
