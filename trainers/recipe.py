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
    "shuffle": ("every_epoch", "once", "never"),
    "cuda_graphs": ("auto", "on", "off"),
}


def check_numbers(
    *,
    epochs: int,
    batch_size: int,
    max_steps: int | None = None,
    amp: str = "auto",
    ema_decay: float | None = None,
    clip_grad_norm: float | None = None,
    lr_scale: float = 1.0,
    patience: int | None = None,
    shuffle: str = "every_epoch",
    cuda_graphs: str = "auto",
) -> None:
    """Raise `ValueError`, one line, for a number outside its range."""
    for name, value in {"epochs": epochs, "batch_size": batch_size}.items():
        if value < 1:
            raise ValueError(f"{name}={value}: need 1 or more")
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps={max_steps}: need 1 or more, or null")
    if ema_decay is not None and not 0 < ema_decay < 1:
        raise ValueError(f"ema_decay={ema_decay}: need 0 < ema_decay < 1, or null")
    if clip_grad_norm is not None and clip_grad_norm <= 0:
        raise ValueError(f"clip_grad_norm={clip_grad_norm}: need more than 0, or null")
    if lr_scale <= 0:
        raise ValueError(f"lr_scale={lr_scale}: need more than 0")
    if patience is not None and patience < 1:
        raise ValueError(f"patience={patience}: need 1 or more, or null")
    for name, word in {"amp": amp, "shuffle": shuffle, "cuda_graphs": cuda_graphs}.items():
        if word not in WORDS[name]:
            raise ValueError(f"{name}={word!r}: choose from {', '.join(WORDS[name])}")


@dataclass(frozen=True)
class Recipe:
    """One trial, ready to train: objects and numbers, no configuration left.

    `build` makes the network from those of the keyword arguments `num_classes`,
    `in_channels` and `image_size` that it accepts.

    >>> from darkmagic.trainers.data import Digits
    >>> from darkmagic.trainers.models import SmallResNet
    >>> from darkmagic.trainers.tricks import Mixup
    >>> tricks = {"mixup": Mixup(alpha=0.2)}
    >>> recipe = Recipe(Digits(), SmallResNet, tricks, epochs=20, batch_size=128, seed=1)
    >>> recipe.seed
    1
    """

    dataset: DataSet
    build: Callable[..., nn.Module]
    tricks: Mapping[str, Trick]
    epochs: int
    batch_size: int
    seed: int = 0
    split_seed: int = 0
    max_steps: int | None = None  # ends training early, at the schedules' end
    clip_grad_norm: float | None = None
    ema_decay: float | None = None  # evaluate an average of the weights instead of the last
    ema_warmup: bool = False  # a shorter average at first: (1 + step) / (10 + step) at most
    lr_scale: float = 1.0  # of the optimizer's base lr
    patience: int | None = None  # epochs without a lower validation loss that end training
    shuffle: str = "every_epoch"  # or once, or never
    test_set: bool = False  # evaluate the test set too, once, after training
    amp: str = "auto"  # auto: bf16 where the hardware has it; bf16; off
    channels_last: bool = True
    compile: bool = False  # the network's training pass, by inductor, where that is faster
    device: str = "auto"
    workers: int = 0  # processes that read images which do not fit in memory
    cuda_graphs: str = "auto"  # on a GPU: auto (where they are faster), on, off
    cache: str | None = None  # the folder of compiled code; None: the user's

    def __post_init__(self) -> None:
        check_numbers(
            epochs=self.epochs,
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            amp=self.amp,
            ema_decay=self.ema_decay,
            clip_grad_norm=self.clip_grad_norm,
            lr_scale=self.lr_scale,
            patience=self.patience,
            shuffle=self.shuffle,
            cuda_graphs=self.cuda_graphs,
        )
