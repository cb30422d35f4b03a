"""What a trial does, sampled cheaply: two recipes with one fingerprint train alike.

Compares effects and not configurations: a trick whose options differ on paper and change
nothing in the network, the batches, the loss, the update or the schedules is detected.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.splits.select import select
from darkmagic.trainers.fields import declared_fields
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.network import example_batch, make_network
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.memory_format import pick_memory_format
from darkmagic.trainers.step.eager import training_step

__all__ = ["SAMPLES", "fingerprint"]

SAMPLES = 101  # places of a schedule; even a one-epoch step of a long one shows in its shape
STEPS = 3
BATCH = 32  # images: enough to see a difference, and quick for a large network


def fingerprint(recipe: Recipe, data: Data) -> dict[str, str]:
    """Return digests by part: numbers, network, order, batches, validation, loss, update, lr,
    weight_decay, beside_steps (of averages, stops and transforms of gradients, their fields).

    Runs on the CPU, in `STEPS` training steps of at most `BATCH` images. `data` is the
    recipe's own, loaded by the caller, who may share it.
    """
    device = torch.device("cpu")
    recipe = edit_recipe(recipe, data)
    parts = {"numbers": _text_digest(_numbers(recipe))}
    recipe = dataclasses.replace(recipe, batch_size=min(recipe.batch_size, BATCH), workers=0)
    hooks = Hooks(recipe.tricks, recipe.seed, recipe.optional, data)
    network = make_network(recipe, data, hooks)
    parts["network"] = _network_digest(network, example_batch(network, data))

    optimizer = hooks.build_optimizer(network, recipe.lr_scale)
    orders = [hooks.epoch_order(epoch) for epoch in range(2)]
    parts["order"] = _text_digest(rng and _digest([rng.get_state()]) for rng in orders)
    parts["beside_steps"] = _text_digest([hooks.beside_steps])
    schedule = [hooks.factors(i / (SAMPLES - 1)) for i in range(SAMPLES)]
    base = optimizer.param_groups[0]
    parts["lr"] = _text_digest(base["base_lr"] * lr for lr, _ in schedule)
    parts["weight_decay"] = _text_digest(base["base_weight_decay"] * wd for _, wd in schedule)

    channels = input_channels(network) or data.channels
    memory_format = pick_memory_format(network, device, channels_last=recipe.channels_last)
    few = dataclasses.replace(data, val=select(data.val, torch.arange(min(BATCH, len(data.val)))))
    pipeline = Pipeline(recipe, few, hooks, device, channels, memory_format)
    parts["validation"] = _digest(images for images, _ in pipeline.validation())
    network.train()
    torch.manual_seed(0)
    batches, losses = [], []
    for step, (images, targets) in enumerate(islice(pipeline.training_epoch(0), STEPS)):
        hooks.schedule(optimizer, (step + 1) / (STEPS + 1))  # not 0: a factor may start there
        loss = training_step(
            network,
            optimizer,
            hooks,
            images,
            targets,
            device=device,
            amp="off",
        )
        batches += [images, targets]
        losses.append(loss)
    parts["batches"] = _digest(batches)
    parts["loss"] = _digest(losses)
    parts["update"] = _digest(network.parameters())
    return parts


def _numbers(recipe: Recipe) -> list[tuple[str, object]]:
    """Return the numbers that can change the result; the effect of the objects shows."""
    fields = declared_fields(type(recipe)).items()
    return [(name, getattr(recipe, name)) for name, field in fields if field.changes_result]


@torch.no_grad()
def _network_digest(network: nn.Module, example: Tensor) -> str:
    """Digest weights and outputs. Names are left out: renaming a layer changes nothing."""
    weights = sorted(_digest([value]) for value in network.state_dict().values())
    network.eval()
    return _text_digest([*weights, _digest([network(example)])])


def _digest(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _text_digest(values: Iterable[object]) -> str:
    return hashlib.sha256(repr(list(values)).encode()).hexdigest()
