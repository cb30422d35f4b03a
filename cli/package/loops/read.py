"""A recipe's file: a trial's own `config.yaml`, or a few lines of tricks and settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.study.words import as_words, text
from darkmagic.sweeps.compose.checks.values import check_resolved
from darkmagic.sweeps.compose.config_files import refuse_expansion
from darkmagic.sweeps.compose.groups import trick_names
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.trial.former_names import current_node
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.settings import recipe_numbers
from darkmagic.trainers.data.base import DataSet
from darkmagic.trainers.trick import Trick

__all__ = ["ReadRecipe", "read_recipe"]

SUCH_AS = "tricks: {mixup: on, label_smoothing: 0.1}"


@dataclass(frozen=True)
class ReadRecipe:
    """What a file says; `dataset` and `build` are None where it leaves them to the loop."""

    tricks: Mapping[str, Trick]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    dataset: DataSet | None = None
    build: Callable[..., Any] | None = None


def read_recipe(path: Path, config_dirs: Sequence[Path] = ()) -> ReadRecipe:
    """Return the recipe in the file at `path`. Raises `UserError` for what cannot be read."""
    content = _load(path)
    tricks = content.get("tricks")
    if not isinstance(tricks, dict) or not tricks:
        raise UserError(f"{path} has no tricks; write {SUCH_AS}")
    try:
        if "runtime" in content:  # a trial's, resolved
            return _trial(content)
        return _lines(content, tricks, config_dirs)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _load(path: Path) -> dict[str, Any]:
    try:
        refuse_expansion(path.read_bytes(), str(path))
        content = OmegaConf.to_container(OmegaConf.load(path))  # refuses a key that is there twice
    except FileNotFoundError:
        beside = [each.name for each in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UserError(f"no file {path}; {nearest(path.name, beside)}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path} is no mapping; write {SUCH_AS}")
    return {str(key): value for key, value in content.items()}


def _trial(content: dict[str, Any]) -> ReadRecipe:
    nodes = {name: current_node(node) for name, node in sorted(content["tricks"].items())}
    if nodes.get("pretrain", {}).get("weights") == "upstream":
        raise UserError(
            "pretrain=pretrained trains upstream weights first, which a loop of your own does not; "
            "load them into your model, and leave pretrain out"
        )
    return ReadRecipe(
        {name: instantiate(node) for name, node in nodes.items()},
        recipe_numbers(content),
        instantiate(content["dataset"]["source"]),
        instantiate(content["model"]["build"]),
    )


def _lines(
    content: dict[str, Any], tricks: dict[str, Any], config_dirs: Sequence[Path]
) -> ReadRecipe:
    """Return the tricks of a short file: those that it names, and no others."""
    own = {name: value for name, value in tricks.items() if isinstance(value, dict)}
    for name, node in own.items():
        if not isinstance(node.get("_target_"), str):
            raise UserError(
                f"trick {name} is a mapping without _target_; write an option, {SUCH_AS}"
            )
    settings = {key: value for key, value in content.items() if key != "tricks"}
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        known = trick_names(loader)
        options = {name: _option(value) for name, value in tricks.items() if name not in own}
        for name in options:
            if name not in known:
                raise UserError(f"no trick {name!r}; {nearest(str(name), known)}")
        words = [f"trick/{name}={text(option)}" for name, option in options.items()]
        checked = check_overrides(loader, [*as_words(settings), *words])
        resolved = resolve(checked.config)
    resolved["tricks"] = {
        name: current_node(own[name] if name in own else resolved["tricks"][name])
        for name in sorted(tricks)
    }
    check_resolved(resolved)
    made = {name: instantiate(node) for name, node in resolved["tricks"].items()}
    return ReadRecipe(made, recipe_numbers(resolved))


def _option(value: Any) -> str:
    """Return the name of an option; YAML reads `on` and `off` without quotes as booleans."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
