"""pretrain: start from weights that were trained on other data.

What: loads every tensor whose name and shape fit; the rest, such as a head for another number of
classes, starts fresh.
Why: early layers learn much the same on any images; what they have learnt once is worth many
epochs.
When it helps: the less data, the more. On small images of another kind it may not.
Conflicts: edits of the architecture throw away or change what was trained. The share of the
pretrained tensors that the final network still uses is reported.
Source: Yosinski et al. 2014 (arXiv 1411.1792); He et al. 2019, "Rethinking ImageNet
Pre-training" (arXiv 1811.08883), for when it does not help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from darkmagic.trainers.trick import Trick, TrialSkipped

__all__ = ["Pretrained", "load_pretrained", "take_pretrained_share"]

TORCHVISION = "torchvision:"
RECORD = "darkmagic_pretrained"


@dataclass(frozen=True)
class Pretrained(Trick):
    """Load `weights`: a file of tensors, or `torchvision:NAME` for ImageNet's.

    Published weights go into the network as its author made it, before other tricks edit it.
    Weights of the network as the tricks leave it are loaded `after_edits`.
    """

    weights: str
    after_edits: bool = False

    @property
    def runs_last(self) -> bool:
        """Whether `edit_model` waits for the other tricks'."""
        return self.after_edits

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        del example
        load_pretrained(model, _read(self.weights), self.weights)
        return model


def load_pretrained(model: nn.Module, source: Mapping[str, Tensor], name: str) -> None:
    """Copy into `model` the tensors of `source` that fit, and note which they are.

    Raises `ValueError` where none fits. `name` is for the message.
    """
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    fitting = {
        key: value for key, value in source.items() if key in own and own[key].shape == value.shape
    }
    if not any(value.is_floating_point() for value in fitting.values()):
        raise ValueError(
            f"none of the {len(source)} tensors in {name} fits the network by name and shape"
        )
    with torch.no_grad():
        for key, value in fitting.items():
            own[key].copy_(value)
    setattr(model, RECORD, ([own[key] for key in fitting], len(source)))


def take_pretrained_share(model: nn.Module) -> float | None:
    """Return which share of the source's tensors, its head's included, `model` still uses.

    To be called after all edits; forgets what `load_pretrained` noted. None where nothing was
    loaded.
    """
    if not hasattr(model, RECORD):
        return None
    loaded, total = getattr(model, RECORD)
    delattr(model, RECORD)
    used = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    return sum(id(tensor) in used for tensor in loaded) / total


def _read(weights: str) -> Mapping[str, Tensor]:
    if weights.startswith(TORCHVISION):
        return _torchvision_weights(weights.removeprefix(TORCHVISION))
    path = Path(weights).expanduser()
    if not path.exists():
        raise TrialSkipped(f"no file of weights at {path}")
    content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds {type(content).__name__}, not tensors by name")
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}


def _torchvision_weights(name: str) -> Mapping[str, Tensor]:
    from torchvision import models  # noqa: PLC0415 (slow to import)

    try:
        weights = models.get_model_weights(name).DEFAULT
    except ValueError:
        raise ValueError(f"torchvision has no weights for a model {name!r}") from None
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError) as error:
        raise TrialSkipped(
            f"torchvision's weights {weights} cannot be downloaded here ({error}); put "
            f"{Path(weights.url).name} into {torch.hub.get_dir()}/checkpoints"
        ) from error
    return state
