"""How many tensors that the network's factory loads are thrown away by the recipe's tricks."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from darkmagic.trainers.models.build import build_network
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.trick import Trick

__all__ = ["check_kept_weights", "loaded_by_factory"]


def check_kept_weights(setup: Setup) -> Finding | None:
    """Compare what the factory loads with what is left after the edits; None if it loads nothing.

    Weights that a trick loads are its own affair.
    """
    loaded = loaded_by_factory(setup)
    if not loaded or any(_loads_weights(trick) for trick in setup.recipe.tricks.values()):
        return None
    left = list(_weights(setup.untrained))
    lost = [name for name, value in loaded.items() if not any(_same(value, v) for _, v in left)]
    figures = {"loaded": len(loaded), "lost": lost}
    if not lost:
        return Finding("weights", Level.OK, f"all {len(loaded)} loaded tensors stay", "", figures)
    names = ", ".join(lost[:3]) + (" and others" if len(lost) > 3 else "")
    return Finding(
        "weights",
        Level.WARNING,
        f"{len(lost)} of {len(loaded)} tensors that model.build loads are overwritten or taken out"
        f": {names}",
        "take the network as it is: weight_init, normalization, activation and pooling =own",
        figures,
    )


def _loads_weights(trick: Trick) -> bool:
    return type(trick).pretrained_share is not Trick.pretrained_share


def loaded_by_factory(setup: Setup) -> dict[str, Tensor]:
    """Return the weights by name that the factory makes alike whatever the seed, but constants.

    Frozen ones count too; a tensor of one value, such as a new bias, was not loaded.
    """
    networks = []
    for seed in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks.append(
                build_network(
                    setup.recipe.build,
                    num_classes=len(setup.data.classes),
                    in_channels=setup.data.channels,
                    image_size=setup.data.size,
                    output=setup.recipe.output,
                )
            )
    other = dict(_weights(networks[1]))
    return {
        name: value
        for name, value in _weights(networks[0])
        if name in other and _same(value, other[name]) and value.ne(value.flatten()[0]).any()
    }


def _weights(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in network.named_parameters():
        if parameter.numel() > 1:
            yield name, parameter.detach().cpu()


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)
