"""A recipe's tricks in Hugging Face's `Trainer`: a callback, and arguments that go with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from darkmagic.loops.recipe import Recipe
from darkmagic.tricks.batch import one_hot

__all__ = ["RecipeCallback"]


class RecipeCallback(TrainerCallback):
    """Edits `model` when it is made, and acts in every step of a `Trainer`.

        callback = RecipeCallback(Recipe.from_yaml("recipe.yaml"), model)
        trainer = Trainer(args=args, train_dataset=data, **callback.arguments())

    `arguments()` has the model, the callback, the recipe's loss and, where the recipe has one, its
    optimizer. Batches are mixed where the model takes its `images` ("pixel_values") in training,
    and the labels alike where the loss is computed. An average of the weights becomes the model's
    when training ends: evaluations in between are of the trained weights.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: nn.Module,
        *,
        images: str = "pixel_values",
        example: Tensor | None = None,
    ) -> None:
        shown = example
        config: Any = getattr(model, "config", None)
        if shown is None and hasattr(config, "image_size"):
            side = int(config.image_size)
            shown = torch.zeros(2, int(getattr(config, "num_channels", 3)), side, side)
        self.loop = recipe.attach(model, example=shown)
        self.model = self.loop.model
        self._images = images
        self._mixed: Tensor | None = None
        self.model.register_forward_pre_hook(self._mix, with_kwargs=True)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the `Trainer`."""
        given: dict[str, Any] = {
            "model": self.model,
            "callbacks": [self],
            "compute_loss_func": self.compute_loss,
        }
        if self.loop.having("build_optimizer"):
            steady = torch.optim.lr_scheduler.LambdaLR(self.loop.optimizer, lambda _: 1.0)
            given["optimizers"] = (self.loop.optimizer, steady)
        return given

    def compute_loss(self, outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        """Return the recipe's loss, of labels mixed as their images were."""
        del num_items_in_batch
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
        targets = one_hot(labels, logits.shape[-1]).to(logits.dtype)
        if self._mixed is not None:
            targets, self._mixed = self._mixed.to(logits.dtype) @ targets, None
        return self.loop.loss(logits, targets)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Learn the number of steps, and take the trainer's optimizer where the recipe has none."""
        del control
        self.loop.total_steps = state.max_steps
        self.loop.epoch_steps = max(1, round(state.max_steps / max(1, args.num_train_epochs)))
        if not self.loop.having("build_optimizer"):
            self.loop.take_optimizer(given["optimizer"])
        if self.loop.average is not None:
            self.loop.average.to(args.device)
        self.loop.steps = state.global_step

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Change the gradients, and set the rates of the step."""
        del args, state, control, given
        self.loop.before_update()
        self.loop.schedule()

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Move the average of the weights."""
        del args, state, control, given
        self.loop.after_update()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Leave the model as it is used after training."""
        del args, state, control, given
        average = self.loop.average
        if average is not None:
            self.model.load_state_dict(average.state_dict())
        self.loop.finish()

    def _mix(
        self, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Mix the images of a training batch; what each became is kept for the labels."""
        if not module.training or self._images not in given:
            return None
        images = given[self._images]
        own = torch.eye(len(images), device=images.device)
        mixed, self._mixed = self.loop.batch(images, own)
        return args, {**given, self._images: mixed}
