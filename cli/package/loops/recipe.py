"""A recipe that brings tricks to a loop: read from a file, attached to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor, nn

from darkmagic.loops.read import read_recipe
from darkmagic.trainers import recipe as trainers_recipe
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.trick import Trick

if TYPE_CHECKING:
    import torch

    from darkmagic.loops.loop import Loop

__all__ = ["Recipe"]


class Recipe(trainers_recipe.Recipe):
    """A recipe whose data and network may be yours: its tricks go into a loop of your own.

    It is the recipe of `darkmagic.trainers`, so that one that was read with its data, such as a
    trial's `config.yaml`, can be trained by `darkmagic.trainers.train` too.

    >>> from darkmagic.trainers.tricks import LabelSmoothing, Mixup
    >>> recipe = Recipe.of({"mixup": Mixup(alpha=0.2), "label_smoothing": LabelSmoothing()})
    >>> sorted(recipe.tricks)
    ['label_smoothing', 'mixup']
    """

    @classmethod
    def of(cls, tricks: Mapping[str, Trick], *, seed: int = 0) -> Self:
        """Return the recipe of `tricks`, whose data and network are your loop's."""
        return cls(Yours(), your_network, tricks, epochs=1, batch_size=1, seed=seed)

    @classmethod
    def from_yaml(cls, path: str | Path, config_dirs: Sequence[str | Path] = ()) -> Self:
        """Return the recipe in the file at `path`.

        Either a trial's `config.yaml`, as a sweep leaves it in the trial's folder; or a few lines:

            tricks:
              mixup: on            # options, as the command line has them
              label_smoothing: 0.1
              optimizer: adamw
            adam_lr: 0.002         # and any key of the configuration
            seed: 1

        `config_dirs` have options of your own. Raises `UserError` for what cannot be read.

        >>> _ = Path("recipe.yaml").write_text("tricks: {mixup: on, label_smoothing: 0.2}")
        >>> recipe = Recipe.from_yaml("recipe.yaml")
        >>> recipe.tricks["label_smoothing"]
        LabelSmoothing(eps=0.2)
        """
        read = read_recipe(Path(path), [Path(folder) for folder in config_dirs])
        dataset = Yours() if read.dataset is None else read.dataset
        build = your_network if read.build is None else read.build
        return cls(dataset, build, read.tricks, **read.numbers)

    def attach(
        self,
        model: nn.Module,
        *,
        total_steps: int | None = None,
        epoch_steps: int | None = None,
        example: Tensor | None = None,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> Loop:
        """Return the loop of `model`, edited, with the recipe's optimizer or yours.

        `total_steps` are those of the whole training, `epoch_steps` those of an epoch. `example` is
        a batch that the model takes; without one, a size is tried. Raises `ValueError` for a
        trick that a loop of your own cannot have, and `NotApplicable` for one that finds no place.

        >>> from darkmagic.trainers.tricks import Sgd, SqueezeExcite
        >>> from darkmagic.trainers.models import SmallResNet
        >>> recipe = Recipe.of({"se": SqueezeExcite(ratio=4), "optimizer": Sgd(lr=0.1)})
        >>> loop = recipe.attach(SmallResNet(depth=8, width=4), total_steps=100)
        >>> loop.edits, type(loop.optimizer).__name__
        ({'se': '3 places'}, 'SGD')
        """
        from darkmagic.loops.loop import Loop

        return Loop(
            self,
            model,
            total_steps=total_steps,
            epoch_steps=epoch_steps,
            example=example,
            optimizer=optimizer,
        )


class Yours:
    """The data of a recipe that has none."""

    def load(self, split_seed: int) -> Data:
        """Raise `ValueError`: there are none to load."""
        del split_seed
        raise ValueError(
            "this recipe has no data of its own, as it was made for your loop; read a trial's "
            "config.yaml to train it here"
        )


def your_network(**arguments: Any) -> nn.Module:
    """Raise `ValueError`: a recipe of tricks alone builds no network."""
    del arguments
    raise ValueError("this recipe has no network of its own, as it was made for your loop")
