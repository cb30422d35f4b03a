"""pretrain: start from weights that were trained on other data.

What: loads the tensors whose name and shape the network has; the others, such as a
classifier for another number of classes, start fresh.
Why: early layers learn much the same on any images, and need not learn it from few.
When it helps: the less data, and the more like the upstream ones, the more. On small images
of another kind it may not.
Conflicts: an edit of the architecture that renames, reshapes or takes out layers leaves fewer
pretrained tensors in use; the share that the final network uses is reported.
Source: Yosinski et al. 2014 (arXiv 1411.1792); He et al. 2019, "Rethinking ImageNet
Pre-training" (arXiv 1811.08883), for when it does not help.
Published:
- none found that changes the start alone and is more than a single run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from darkmagic.text import printable
from darkmagic.trainers.fields import flag, text
from darkmagic.trainers.runtime.cache import downloading, expand
from darkmagic.trainers.trick import EditStage, TrialSkipped, Trick

__all__ = [
    "LoadedTensors",
    "Pretrain",
    "Pretrained",
    "load_pretrained",
    "loaded_tensors",
    "pretrained_share",
    "take_pretrained_share",
]

TORCHVISION = "torchvision:"
NO_TENSORS = (
    "{} is no file of tensors alone, such as torch.save(network.state_dict(), path) writes; "
    "nothing else in a file is read"
)
TENSORS_ALONE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # a variable of PyTorch's
LOADED_TENSORS_ATTRIBUTE = "darkmagic_pretrained"  # of the model, outside its state dict


@dataclass(frozen=True, eq=False)
class LoadedTensors:
    """The network's own weights that got pretrained values, of `total` in the source.

    Both count floating-point tensors: batch norm's step counters are no weights.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrained("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> loaded = loaded_tensors(net)
    >>> len(loaded.tensors), loaded.total
    (4, 4)
    """

    tensors: tuple[Tensor, ...]
    total: int


@dataclass(frozen=True)
class Pretrain(Trick):
    """Load `weights`: a file of tensors, or `torchvision:NAME` for ImageNet's.

    Published weights go into the network as its author made it, before other tricks edit it.
    Weights of the network as the tricks leave it are loaded `after_edits`.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrained("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> take_pretrained_share(net)
    1.0
    """

    weights: str | None = text(null=True)  # None, of a model without any: the trial is skipped
    after_edits: bool = flag(False)

    @property
    def edit_stage(self) -> EditStage:
        """Before the other tricks' edits, or after them."""
        return EditStage.PRETRAINED_AFTER if self.after_edits else EditStage.PRETRAINED

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        del example
        if self.weights is None:
            raise TrialSkipped("the model names no pretrained weights (model.pretrained is null)")
        loaded = load_pretrained(model, _read(self.weights), self.weights)
        setattr(model, LOADED_TENSORS_ATTRIBUTE, loaded)
        return model

    def pretrained_share(self, model: nn.Module) -> float | None:
        """Return the share of the source's tensors in use, and forget which were loaded."""
        return take_pretrained_share(model)


Pretrained = Pretrain
"""Its name in configurations that were written before."""


@torch.no_grad()
def load_pretrained(model: nn.Module, source: Mapping[str, Tensor], name: str) -> LoadedTensors:
    """Copy into `model` the tensors of `source` that fit; return which of its own they are.

    Raises `ValueError` where none fits. `name` is for the message.

    >>> net, source = nn.Linear(2, 3), {"weight": torch.ones(3, 2), "bias": torch.ones(10)}
    >>> loaded = load_pretrained(net, source, "source")
    >>> len(loaded.tensors), loaded.total
    (1, 2)
    """
    own = model.state_dict(keep_vars=True)  # the objects, not copies
    fitting = {
        key: value for key, value in source.items() if key in own and own[key].shape == value.shape
    }
    for key, value in fitting.items():
        own[key].copy_(value)
    loaded = tuple(own[key] for key, value in fitting.items() if value.is_floating_point())
    if not loaded:
        raise ValueError(
            f"none of the {len(source)} tensors in {name} fits the network by name and shape: "
            f"they are called {_some_names(source)}, the network's {_some_names(own)}"
        )
    return LoadedTensors(loaded, sum(value.is_floating_point() for value in source.values()))


def pretrained_share(model: nn.Module, loaded: LoadedTensors) -> float:
    """Return which share of the source's tensors, its head's included, `model` uses; in [0, 1].

    A tensor is used while it is, as an object, one of the model's parameters or buffers: so
    ask after all edits, and before the model moves to a device, which makes new buffers.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> loaded = load_pretrained(net, net.state_dict(), "itself")
    >>> net[3] = nn.Linear(144, 10)  # a new head
    >>> pretrained_share(net, loaded)
    0.5
    """
    used = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    return sum(id(tensor) in used for tensor in loaded.tensors) / loaded.total


def loaded_tensors(model: nn.Module) -> LoadedTensors | None:
    """Return what `Pretrain` loaded into `model`; None where nothing was.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrain("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> len(loaded_tensors(net).tensors)
    4
    """
    for module in model.modules():  # an edit may have wrapped the network that was loaded into
        loaded: LoadedTensors | None = module.__dict__.get(LOADED_TENSORS_ATTRIBUTE)
        if loaded is not None:
            return loaded
    return None


def take_pretrained_share(model: nn.Module) -> float | None:
    """Return the `pretrained_share` of what `Pretrain` loaded, and forget what that was.

    None where nothing was loaded.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> torch.save(net.state_dict(), "weights.pt")
    >>> net = Pretrained("weights.pt").edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> take_pretrained_share(net), take_pretrained_share(net)
    (1.0, None)
    """
    loaded = loaded_tensors(model)
    for module in model.modules():
        module.__dict__.pop(LOADED_TENSORS_ATTRIBUTE, None)
    return None if loaded is None else pretrained_share(model, loaded)


def _read(weights: str) -> Mapping[str, Tensor]:
    if weights.startswith(TORCHVISION):
        return _torchvision_weights(weights.removeprefix(TORCHVISION))
    path = expand(weights)
    if not path.exists():
        raise TrialSkipped(f"no file of weights at {path}")
    content = _load_tensors(path)
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise ValueError(  # noqa: TRY004 (a file's content, not an argument's type)
            f"{path} holds {type(content).__name__}, not tensors by name"
        )
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}


def _load_tensors(path: Path) -> Any:
    """Return the content of a file of tensors, from which nothing is run.

    PyTorch's own error for another file is its advice to load it unsafely, which runs what is
    in it: a file of weights is data, and whoever made it is not asked.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch and pickle raise a dozen kinds
        raise ValueError(NO_TENSORS.format(printable(path))) from error


def _torchvision_weights(name: str) -> Mapping[str, Tensor]:
    from torchvision import models  # noqa: PLC0415 (slow to import)

    try:
        weights = models.get_model_weights(name).DEFAULT
    except ValueError:
        raise ValueError(f"torchvision has no weights for a model {name!r}") from None
    file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    server = str(urlsplit(weights.url).hostname)
    asked = contextlib.nullcontext() if file.exists() else downloading(server)
    try:
        # The network and not its file: densenet's has names from before a renaming.
        with asked, _tensors_alone():
            published: nn.Module = models.get_model(name, weights=weights, progress=False)
    except pickle.UnpicklingError as error:
        raise ValueError(NO_TENSORS.format(file.name)) from error
    except OSError as error:
        raise TrialSkipped(
            f"torchvision's weights {weights} cannot be downloaded here ({error}); put "
            f"{file.name} into {file.parent}"
        ) from error
    return published.state_dict()


@contextlib.contextmanager
def _tensors_alone() -> Iterator[None]:
    """Have PyTorch read nothing but tensors, also where a library asks it for more.

    What lies in its cache may have been put there by hand.
    """
    before = os.environ.get(TENSORS_ALONE)
    os.environ[TENSORS_ALONE] = "1"
    try:
        yield
    finally:
        del os.environ[TENSORS_ALONE]
        if before is not None:
            os.environ[TENSORS_ALONE] = before


def _some_names(state: Mapping[str, Tensor]) -> str:
    return ", ".join([*list(state)[:2], "..."])
