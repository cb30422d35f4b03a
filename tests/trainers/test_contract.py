"""What holds for every option of every trick that has a folder."""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.data.splits.select import select
from darkmagic.trainers.fingerprint import fingerprint
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.network import make_network
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.trick import Trick
from every_option import ADDED, BASE, OPTIONS, PLAIN, contract, expected_changes
from token_networks import SmallViT

FORMAT = torch.contiguous_format
SAME = [o for o in OPTIONS if o[1] in contract(o[0]).get("same", ())]
CHANGING = [o for o in OPTIONS if PLAIN[o[0]] != o[1] and o not in SAME]


class Pooled(nn.Sequential):
    """What the residual network lacks: pooling, and a wide hidden layer."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(
            *(nn.Conv2d(in_channels, 6, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 8, 3, padding=1), nn.SiLU(), nn.Flatten()),
            *(nn.Linear(32, 300), nn.SiLU(), nn.Linear(300, num_classes)),
        )


@functools.cache
def _composed(words: tuple[str, ...]) -> dict[str, dict[str, object]]:
    with hydra_session() as hydra:
        tricks: dict[str, dict[str, object]] = resolve(compose(hydra.config_loader, words))[
            "tricks"
        ]
    return tricks


def _tricks(tmp_path: Path, **changed: str) -> dict[str, Trick]:
    added = {name: option for name, option in changed.items() if name in ADDED}
    words = [f"trick/{name}='{changed.get(name, option)}'" for name, option in BASE.items()]
    words += [f"+trick/{name}='{option}'" for name, option in added.items()]
    nodes = _composed(tuple(words))
    if "weights" in nodes["pretrain"]:
        weights = tmp_path / "weights.pt"
        torch.save({"model": SmallResNet(8, 4, 10, 1).state_dict()}, weights)
        nodes = {**nodes, "pretrain": {**nodes["pretrain"], "weights": str(weights)}}
    return {name: instantiate(node) for name, node in nodes.items()}


class Uneven:
    """Shapes, of which half of the classes have a third of their training images."""

    def load(self, split_seed: int) -> Data:
        data = Shapes(count=120).load(split_seed)
        keep = (data.train.targets < 5) | (torch.arange(len(data.train)) % 3 == 0)
        return dataclasses.replace(data, train=select(data.train, keep.nonzero().flatten()))


def _recipe(tricks: dict[str, Trick], device: str = "cpu", trick: str = "") -> Recipe:
    kinds: dict[str, Callable[..., nn.Module]] = {"pooled": Pooled, "tokens": SmallViT}
    build = kinds.get(contract(trick).get("network", ""), partial(SmallResNet, depth=8, width=4))
    data = Uneven() if contract(trick).get("data") == "uneven" else Shapes(count=120)
    return Recipe(data, build, tricks, epochs=4, batch_size=16, device=device)


def _devices() -> list[str]:
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@pytest.mark.parametrize("device", _devices())
@pytest.mark.parametrize(("trick", "option"), OPTIONS, ids=map("=".join, OPTIONS))
def test_option_trains_two_steps(tmp_path: Path, trick: str, option: str, device: str) -> None:
    """Forward, backward and update, everything finite, batches of the right form."""
    changed = {**contract(trick).get("beside", {}), trick: option}
    recipe = edit_recipe(_recipe(_tricks(tmp_path, **changed), device, trick))
    data = recipe.dataset.load(0)
    hooks = Hooks(recipe.tricks, seed=0)
    network = make_network(recipe, data, hooks).to(device)
    optimizer = hooks.build_optimizer(network, recipe.lr_scale)
    pipeline = Pipeline(recipe, data, hooks, torch.device(device), data.channels, FORMAT)
    before = [p.detach().clone() for p in network.parameters()]
    count = min(recipe.batch_size, len(data.train))
    for epoch in range(2):
        images, targets = next(pipeline.training_epoch(epoch))
        assert images.shape[:2] == (count, 1)
        assert max(images.shape[2:]) <= 8
        assert targets.shape == (count, 10)
        assert torch.allclose(targets.sum(1), torch.ones(count, device=device))
        hooks.schedule(optimizer, (epoch + 1) / 3)
        loss = training_step(
            network,
            optimizer,
            hooks,
            images,
            targets,
            device=torch.device(device),
            amp="off",
        )
        assert loss.isfinite()
    for images, _ in pipeline.validation():
        assert network(images).isfinite().all()
    after = list(network.parameters())
    assert all(p.isfinite().all() for p in after)
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(("trick", "option"), CHANGING, ids=map("=".join, CHANGING))
def test_option_does_something(tmp_path: Path, trick: str, option: str) -> None:
    """It changes the network, the batch, the loss, the update or a schedule: none is a copy."""
    beside = contract(trick).get("beside", {})
    base, changed = (
        _recipe(_tricks(tmp_path, **beside, **choice), trick=trick)
        for choice in ({}, {trick: option})
    )
    data = base.dataset.load(0)
    ours, theirs = fingerprint(base, data), fingerprint(changed, data)
    differing = {part for part in ours if ours[part] != theirs[part]}
    assert differing
    assert expected_changes(trick, option) <= differing


@pytest.mark.parametrize(("trick", "option"), SAME, ids=map("=".join, SAME))
def test_option_that_the_network_has_changes_nothing(
    tmp_path: Path, trick: str, option: str
) -> None:
    """It is the network as it is, and so the trial is inert beside the option `own`."""
    base, same = (
        _recipe(_tricks(tmp_path, **choice), trick=trick) for choice in ({}, {trick: option})
    )
    data = base.dataset.load(0)
    assert fingerprint(base, data) == fingerprint(same, data)


def test_tricks_do_not_shift_each_others_draws(tmp_path: Path) -> None:
    """Mixup on or off: the same images in the same order, augmented alike."""
    plain, mixed = (_recipe(_tricks(tmp_path, mixup=m)) for m in ("off", "on"))
    data = plain.dataset.load(0)
    seen = []
    for recipe in (plain, mixed):
        hooks = Hooks(recipe.tricks, seed=0)
        mixup = hooks._transform.pop("mixup", None)  # look at what would be mixed
        assert (mixup is None) == (recipe is plain)
        pipeline = Pipeline(recipe, data, hooks, torch.device("cpu"), data.channels, FORMAT)
        seen.append([images for images, _ in pipeline.training_epoch(0)])
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))


def test_architecture_edits_share_the_initial_weights(tmp_path: Path) -> None:
    """Switching squeeze-and-excite off leaves every other layer as it was."""
    networks = []
    for option in ("on", "off"):
        recipe = _recipe(_tricks(tmp_path, squeeze_excite=option))
        networks.append(make_network(recipe, recipe.dataset.load(0), Hooks(recipe.tricks, 0)))
    excited, plain = networks
    assert torch.equal(excited.stem[0].weight, plain.stem[0].weight)
    assert torch.equal(excited.blocks[2].conv2.weight, plain.blocks[2].conv2.weight)
    assert torch.equal(excited.head.weight, plain.head.weight)


@pytest.mark.parametrize("trick", sorted({trick for trick, _ in OPTIONS}))
def test_trick_has_a_card(trick: str) -> None:
    """What, why, when, conflicts and source, in the docstring of a module of its name."""
    card = importlib.import_module(f"darkmagic.trainers.tricks.{trick}").__doc__ or ""
    assert card.startswith(f"{trick}: ")
    for heading in ("What:", "Why:", "When it helps:", "Conflicts:", "Source:"):
        assert f"\n{heading}" in card
