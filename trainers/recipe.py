"""Everything that decides what one trial trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.trainers.fields import check_fields, choice, flag, number, text, whole
from darkmagic.trainers.metrics.names import METRICS

if TYPE_CHECKING:  # so that numbers can be checked where torch is not imported
    from torch import nn

    from darkmagic.trainers.data.base import DataSet
    from darkmagic.trainers.trick import Trick

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One trial, ready to train: objects and numbers, no configuration left.

    `build` makes the network from those of the keyword arguments `num_classes`,
    `in_channels` and `image_size` that it accepts. Each number is declared here and nowhere
    else. Those with `changes_result=False` say where and how fast a trial runs: they are the
    configuration's `runtime` and no part of a trial's identity.

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
    epochs: int = whole(at_least=1)
    batch_size: int = whole(at_least=1)
    seed: int = whole(0, at_least=0)
    split_seed: int = whole(0, at_least=0)
    folds: int | None = whole(None, at_least=2)  # seed s validates on fold s of train and val
    gradient_accumulation: int = whole(1, at_least=1)  # pieces that a batch goes through in
    max_steps: int | None = whole(None, at_least=1)  # ends training early, at the schedules' end
    lr_scale: float = number(1.0, above=0, configured=False)  # of the optimizer's base lr
    train_images: int | None = whole(None, at_least=1, configured=False)  # no batch has more
    output: str | None = text(None, numeric=True, configured=False)  # of several, the logits' name
    metric: str = choice("accuracy", METRICS, configured=False, changes_result=False)
    test_set: bool = flag(False)  # evaluate the test set too, once, after training
    amp: str = choice(
        "auto", ("auto", "bf16", "fp16", "off")
    )  # auto: what the GPU has, off on a CPU
    channels_last: bool = flag(True)
    compile: bool = flag(False)  # the network's training pass, by inductor, where that is faster
    device: str = text(
        "auto",
        pattern=r"auto|cpu|cuda(:\d+)?",
        such_as="auto, cpu, cuda or a GPU such as cuda:0",
        changes_result=False,
    )
    workers: int | None = whole(None, at_least=0, changes_result=False)  # that read images
    cuda_graphs: str = choice("auto", ("auto", "on", "off"), changes_result=False)  # on a GPU
    checkpoint_seconds: float = number(5.0, at_least=0, changes_result=False)
    optional_tricks: str | None = text(  # left out where they do not apply to the network
        None, pattern=r"\w+(,\w+)*", such_as="names of tricks and commas", changes_result=False
    )
    cache: str | None = text(None, changes_result=False)  # of compiled code; None: the user's

    def __post_init__(self) -> None:
        check_fields(self)
        if self.gradient_accumulation > self.batch_size:
            raise ValueError(
                f"gradient_accumulation={self.gradient_accumulation}: a batch has "
                f"{self.batch_size} images, and each piece needs one"
            )

    def epoch_steps(self, steps_per_epoch: int) -> Iterator[int]:
        """Yield the steps of each epoch: all of them, until `max_steps` are used up."""
        left = self.max_steps or self.epochs * steps_per_epoch
        for _ in range(self.epochs):
            if left <= 0:
                return
            yield min(left, steps_per_epoch)
            left -= steps_per_epoch

    @property
    def optional(self) -> frozenset[str]:
        """The names of the optional tricks."""
        return frozenset((self.optional_tricks or "").split(","))
