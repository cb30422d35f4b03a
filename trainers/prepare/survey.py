"""What each trick would do to a network, without training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.errors import format_error
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.verify import close_outputs, logits_of
from darkmagic.trainers.prepare.network import build, example_batch
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import EditStage, NotApplicable, TrialSkipped, Trick

__all__ = ["Effect", "survey"]


@dataclass(frozen=True)
class Effect:
    """What one option does to a network: `applies` is yes, no, fails where the trick raises what it
    should not, or none for a trick without edits.

    `weights` is the share of the network's tensors that keep name, shape and values, in [0, 1];
    `same_output` whether the network computes at the start what it did before.
    """

    applies: str
    places: str = ""
    reason: str = ""
    weights: float | None = None
    same_output: bool | None = None


def survey(recipe: Recipe, data: Data, options: Mapping[str, Trick]) -> Iterator[Effect]:
    """Yield the effect of each of `options` alone on the network that `recipe` builds.

    The network is built anew for each, with the same weights.
    """
    network = build(recipe, data)
    example = example_batch(network, data)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    logits = logits_of(network, example)
    for name, trick in options.items():
        if type(trick).edit_model is Trick.edit_model:
            yield Effect("none")
            continue
        checks = trick.edit_stage is EditStage.CHECK
        hooks = Hooks({name: trick}, recipe.seed, (), data)
        try:
            edited = hooks.edit_model(build(recipe, data), example)
        except (NotApplicable, TrialSkipped) as finding:
            yield Effect("no", reason=str(finding))
            continue
        except Exception as error:  # noqa: BLE001 (a trick of the user's may raise anything)
            yield Effect("fails", reason=format_error(error))
            continue
        if checks:
            yield Effect("none")
            continue
        after = edited.state_dict()
        kept = [key for key, value in state.items() if _same(after.get(key), value)]
        share = len(kept) / len(state) if state else 1.0
        same = close_outputs(logits_of(edited, example), logits)
        places = hooks.edits.get(name, "")
        untouched = same and len(after) == len(state) == len(kept) and not places
        reason = "the network is so already" if untouched else ""
        yield Effect("yes", places, reason, share, same)


def _same(after: Tensor | None, before: Tensor) -> bool:
    return after is not None and after.shape == before.shape and torch.equal(after, before)
