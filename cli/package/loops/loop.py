"""The tricks of a recipe at their places in a loop that is not ours."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from darkmagic.loops.refusal import refuse_what_is_ours
from darkmagic.schedules import check_steps
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.roles import mark_roles
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.average import update_average, use_average
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.trick import Trick
from darkmagic.tricks.batch import one_hot
from darkmagic.tricks.editing import check_network, guess_example

__all__ = ["Loop"]

CALLS = {
    "augment": "call images = loop.augment(images) on uint8 images, before they are scaled",
    "transform_batch": "call images, targets = loop.batch(images, targets) in each step",
    "resize": "call images, targets = loop.batch(images, targets) in each step",
    "loss": "compute the loss by loop.loss(logits, targets)",
    "extra_loss": "compute the loss by loop.loss(logits, targets)",
}
"""How a loop gives each of these hooks its place: one that it leaves out would do nothing."""


class Loop:
    """A network as a recipe's tricks edit it, with what each step of its training needs.

        for images, classes in batches:
            images, targets = loop.batch(images, classes)
            loss = loop.loss(model(images), targets)
            loss.backward()
            loop.step()
        evaluate(loop.evaluated)
        model = loop.finish()

    `step` changes gradients, steps the optimizer, moves the average of the weights and sets the
    next step's rates. With an optimizer that takes the gradient twice, as SAM does, `train_step`
    is the whole step. A trick whose place in the loop is left out raises `ValueError`, at the first
    step. `edits` says by trick how many places of the network it edits.

    >>> from darkmagic.loops.recipe import Recipe
    >>> from darkmagic.trainers.tricks import Cosine, Mixup, Sgd
    >>> recipe = Recipe.of({"mixup": Mixup(), "lr_regime": Cosine(), "optimizer": Sgd(lr=1.0)})
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    >>> loop = recipe.attach(model, total_steps=2, example=torch.zeros(2, 1, 8, 8))
    >>> loop.num_classes = 4
    >>> for _ in range(2):
    ...     images, targets = loop.batch(torch.rand(8, 1, 8, 8), torch.arange(8) % 4)
    ...     loop.loss(model(images), targets).backward()
    ...     loop.step()
    ...     print(round(loop.optimizer.param_groups[0]["lr"], 2))
    0.5
    0.0
    """

    def __init__(
        self,
        recipe: Recipe,
        model: nn.Module,
        *,
        total_steps: int | None = None,
        epoch_steps: int | None = None,
        example: Tensor | None = None,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        check_network(model)
        if total_steps is not None:
            check_steps("total_steps", total_steps)
        edited = edit_recipe(recipe)
        refuse_what_is_ours(recipe, edited)
        self.total_steps, self.epoch_steps = total_steps, epoch_steps
        self.num_classes: int | None = None  # where targets are classes; else the logits say it
        self.steps = 0
        self._tricks = recipe.tricks
        self._hooks = Hooks(
            recipe.tricks, recipe.seed
        )  # no trick is optional in a network of yours
        self._due = {hook for hook in CALLS if self.having(hook)}
        self._lr_scale = edited.lr_scale
        images = guess_example(model) if example is None else example
        self.model = self._hooks.edit_model(model, images)
        mark_roles(self.model, images)
        averages = self._hooks.averager is not None
        self.average = copy.deepcopy(self.model).eval() if averages else None
        self._optimizer: torch.optim.Optimizer | None = None
        if optimizer is not None:
            self.take_optimizer(optimizer)
        elif self.having("build_optimizer"):
            self._optimizer = self._hooks.build_optimizer(self.model, self._lr_scale)
        self._epoch = -1

    @property
    def edits(self) -> dict[str, str]:
        """How many places of the network each trick edits."""
        return self._hooks.edits

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The recipe's optimizer, or yours. Raises `ValueError` where there is neither."""
        if self._optimizer is None:
            raise ValueError(
                "the recipe names no optimizer; give yours, optimizer=..., or add one to its tricks"
            )
        return self._optimizer

    @property
    def evaluated(self) -> nn.Module:
        """The network to evaluate: the average of its weights, where a trick keeps one."""
        return self.model if self.average is None else self.average

    def having(self, hook: str) -> list[str]:
        """Return the names of the tricks that have `hook`."""
        base = getattr(Trick, hook)
        return [n for n, t in self._tricks.items() if getattr(type(t), hook) is not base]

    def take_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Take your `optimizer`, made after the network was edited, in place of the recipe's.

        Raises `ValueError` where the recipe has one too, and where it misses a parameter.
        """
        if own := self.having("build_optimizer"):
            raise ValueError(
                f"the recipe has an optimizer ({own[0]}) and the loop another: keep one"
            )
        if groups := self.having("edit_param_groups"):
            raise ValueError(
                f"{groups[0]} changes the groups of the recipe's optimizer, and the loop has its "
                "own: add an optimizer to the recipe's tricks, or leave it out"
            )
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        missing = [
            n for n, p in self.model.named_parameters() if p.requires_grad and id(p) not in held
        ]
        if missing:
            raise ValueError(
                f"the optimizer has not the parameter {missing[0]}, which the tricks put in: make "
                "it after attach, from loop.model.parameters()"
            )
        for group in optimizer.param_groups:
            group["base_lr"] = group.get("initial_lr", group["lr"]) * self._lr_scale
            group["base_weight_decay"] = group.get("weight_decay", 0.0)
        self._optimizer = optimizer

    def augment(self, images: Tensor) -> Tensor:
        """Return `images` (B, C, H, W), uint8, augmented; uint8 as well."""
        self._called("augment")
        if images.dtype != torch.uint8:
            raise ValueError(f"images are {images.dtype}; augment them as uint8, before scaling")
        return self._hooks.augment(images, [len(images)])

    def batch(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled `images` (B, C, H, W) and probabilities (B, K), as the tricks change them.

        `targets` are classes (B,), of `num_classes`, or probabilities.
        """
        self._called("transform_batch", "resize")
        soft = one_hot(targets, self.num_classes).to(images.dtype)
        return self._hooks.transform_batch(self._hooks.resize(images, self.progress), soft)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the recipe's loss of `logits` (B, K) and `targets`: classes or probabilities."""
        self._called("loss", "extra_loss")
        soft = one_hot(targets, logits.shape[-1]).to(logits.dtype)
        return self._hooks.training_loss(self.model, logits, soft)

    def step(self) -> None:
        """Update by the gradients that `backward` has left, and go on to the next step.

        Raises `ValueError` where a trick of the recipe has had no place in this step.
        """
        self.before_update()
        self.schedule()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.after_update()

    def train_step(self, images: Tensor, targets: Tensor) -> Tensor:
        """Take a whole step, of a `batch`'s images and probabilities; return the loss (0-d)."""
        self._called("loss", "extra_loss")
        self.schedule()
        device = next(self.model.parameters()).device
        loss = training_step(
            self.model, self.optimizer, self._hooks, images, targets, device=device, amp="off",
            before_update=self._refuse_unplaced,
        )  # fmt: skip
        self.after_update()
        return loss

    def before_update(self) -> None:
        """Change the gradients, between `backward` and the optimizer's step."""
        self._refuse_unplaced()
        self._hooks.transform_gradients(self.model.parameters())

    def schedule(self) -> None:
        """Set the optimizer's rates for this step, where the recipe moves them."""
        if self.having("lr_factor") or self.having("weight_decay_factor") or self._lr_scale != 1:
            self._hooks.schedule(self.optimizer, self.progress)

    def after_update(self) -> None:
        """Move the average of the weights, and go on to the next step."""
        if self.average is not None:
            total = self._total()
            moved = self._hooks.average(self.steps, total, self.epoch_steps or total)
            if moved:
                update_average(self.average, self.model, moved)
        self.steps += 1
        self._begin_epoch()
        if self._optimizer is not None:
            self.schedule()

    @property
    def progress(self) -> float:
        """The share of training that is done, in [0, 1]."""
        self._begin_epoch()
        return min(self.steps / self._total(), 1.0)

    def should_stop(self, val_losses: Sequence[float]) -> bool:
        """Return whether a trick ends training after epochs of these validation losses."""
        return self._hooks.should_stop([{"val_loss": loss} for loss in val_losses])

    def finish(self) -> nn.Module:
        """Return the trained network, the average where there is one, for use without the loop."""
        if self._optimizer is not None:
            use_average(self._optimizer, averaged=True)
        return self._hooks.finish_model(self.evaluated)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint needs beside the network's and the optimizer's states."""
        average = None if self.average is None else self.average.state_dict()
        return {"steps": self.steps, "average": average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.steps = int(state["steps"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _total(self) -> int:
        if self.total_steps is None:
            raise ValueError("give total_steps, those of the whole training: schedules need them")
        return self.total_steps

    def _begin_epoch(self) -> None:
        """Give the tricks the random draws of this epoch, when one begins."""
        epoch = self.steps // self.epoch_steps if self.epoch_steps else 0
        if epoch != self._epoch:
            self._epoch = epoch
            self._hooks.start_epoch(epoch)

    def _called(self, *hooks: str) -> None:
        self._begin_epoch()
        self._due.difference_update(hooks)

    def _refuse_unplaced(self) -> None:
        for hook, call in CALLS.items():
            if hook in self._due:
                raise ValueError(f"{self.having(hook)[0]} has no place in this loop: {call}")
