"""A recipe's tricks in Lightning: a callback for a `LightningModule` of your own."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch import nn

from darkmagic.loops.loop import Loop
from darkmagic.loops.recipe import Recipe

__all__ = ["RecipeCallback"]


class RecipeCallback(pl.Callback):
    """Edits the module's network before its optimizers are made, and acts in every step.

    `network` is the attribute of the module that holds the network. Batches are [images, classes],
    as the default collation makes them: after `mixup` and the like, targets are probabilities,
    which `F.cross_entropy` takes. An optimizer of the recipe takes the place of the module's. A
    trick that gives the loss needs the module to ask for it: `self.recipe.loss(logits, targets)`,
    where `recipe` is the `Loop` that this callback sets. Validation is that of the averaged
    weights, where a trick averages.

        recipe = Recipe.from_yaml("recipe.yaml")
        trainer = Trainer(callbacks=[RecipeCallback(recipe, num_classes=10)])

    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        num_classes: int | None = None,
        network: str = "model",
        example: Any = None,
    ) -> None:
        self._recipe, self._num_classes = recipe, num_classes
        self._network, self._example = network, example
        self.loop: Loop | None = None
        self._trained: dict[str, Any] | None = None
        self._resumed: dict[str, Any] | None = None
        self._losses: list[float] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Edit the network: Lightning asks for the optimizers after this."""
        del trainer
        if stage != "fit" or self.loop is not None:
            return
        network = getattr(pl_module, self._network, None)
        if not isinstance(network, nn.Module):
            names = ", ".join(name for name, _ in pl_module.named_children()) or "none"
            raise ValueError(  # noqa: TRY004 (of the user's module, not of an argument)
                f"{type(pl_module).__name__} has no network {self._network!r}; give the name of "
                f"one, network=..., of: {names}"
            )
        self.loop = self._recipe.attach(network, example=self._example)
        self.loop.num_classes = self._num_classes
        setattr(pl_module, self._network, self.loop.model)
        object.__setattr__(pl_module, "recipe", self.loop)  # no sub-module of it

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the recipe its optimizer, and the number of steps."""
        loop = self._ready()
        loop.total_steps = int(trainer.estimated_stepping_batches)
        loop.epoch_steps = max(1, loop.total_steps // max(1, trainer.max_epochs or 1))
        if loop.having("build_optimizer"):
            trainer.strategy.optimizers = [loop.optimizer]
            trainer.strategy.lr_scheduler_configs = []
        elif len(trainer.optimizers) == 1:
            loop.take_optimizer(trainer.optimizers[0])
        else:
            raise ValueError(f"a recipe has one optimizer, and {pl_module} has more")
        if loop.average is not None:
            loop.average.to(pl_module.device)
        if self._resumed is not None:
            loop.load_state_dict(self._resumed)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Change the batch in place, and set the rates of the step."""
        del trainer, pl_module, batch_idx
        loop = self._ready()
        if not isinstance(batch, list) or len(batch) != 2:
            raise ValueError(
                f"a batch is {type(batch).__name__}, and the recipe changes [images, classes] in "
                "place; collate batches as a list of two tensors"
            )
        batch[:] = loop.batch(*batch)
        loop.schedule()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        """Change the gradients."""
        del trainer, pl_module, optimizer
        self._ready().before_update()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the average, if this batch ended a step."""
        del pl_module, outputs, batch, batch_idx
        loop = self._ready()
        if trainer.global_step > loop.steps:
            loop.after_update()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the averaged weights in the network's place."""
        del trainer, pl_module
        if self.loop is not None and self.loop.average is not None:
            state = self.loop.model.state_dict()
            self._trained = {name: tensor.clone() for name, tensor in state.items()}
            self.loop.model.load_state_dict(self.loop.average.state_dict())

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the trained weights back, and ask the tricks whether training ends here."""
        del pl_module
        if self.loop is None:
            return
        if self._trained is not None:
            self.loop.model.load_state_dict(self._trained)
            self._trained = None
        if self.loop.having("should_stop") and not trainer.sanity_checking:
            if "val_loss" not in trainer.callback_metrics:
                raise ValueError(
                    f"{self.loop.having('should_stop')[0]} goes by the validation loss, which the "
                    "module does not log; add self.log('val_loss', loss)"
                )
            self._losses.append(float(trainer.callback_metrics["val_loss"]))
            trainer.should_stop = trainer.should_stop or self.loop.should_stop(self._losses)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the network as it is used after training."""
        del trainer
        if self.loop is not None:
            setattr(pl_module, self._network, self.loop.finish())

    def state_dict(self) -> dict[str, Any]:
        """Return what Lightning's checkpoint is to have beside the module and its optimizer."""
        return {} if self.loop is None else {**self.loop.state_dict(), "losses": self._losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, once the network has been edited."""
        self._resumed, self._losses = state_dict, list(state_dict["losses"])
        if self.loop is not None:
            self.loop.load_state_dict(state_dict)

    def _ready(self) -> Loop:
        if self.loop is None:
            raise RuntimeError("the callback has not been set up: give it to a Trainer")
        return self.loop
