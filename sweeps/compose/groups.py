"""Groups of the configuration: their options, the tricks and the tricks' cards."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.config_files import load_file, load_remarks
from darkmagic.sweeps.compose.session import group_options, subgroups
from darkmagic.sweeps.trial.identity import fields_of
from darkmagic.trainers.declare.kinds import show

OFF = "off"
"""The option that leaves a trick out, where the trick has no file of that name."""

RETUNED = ("lr", "decay")
"""What an option's file may name under `retune`: the learning rate and the weight decay."""

LAUNCHER = "hydra/launcher"
"""The one group of Hydra's own that is for users of ours."""

__all__ = [
    "LAUNCHER",
    "OFF",
    "TrickCard",
    "all_groups",
    "read_option",
    "read_retune",
    "trick_card",
    "trick_names",
]


@dataclass(frozen=True)
class TrickCard:
    """A trick: its options with their fields, and its card."""

    name: str
    options: tuple[str, ...]
    summary: str  # the card's first line
    card: str  # the trick's module docstring
    fields: dict[str, dict[str, object]]  # option -> its hyper-parameters
    ranges: dict[str, dict[str, str]]  # option -> what each of them takes, where that is declared


def all_groups(loader: ConfigLoader, parent: str = "") -> list[str]:
    """Return every group that has options, e.g. `trick/mixup`; of Hydra's own the launchers."""
    groups = []
    for name in subgroups(loader, parent):
        group = f"{parent}/{name}" if parent else name
        if group != "hydra":
            groups += [group] if group_options(loader, group) else []
            groups += all_groups(loader, group)
    return groups if parent else [*groups, LAUNCHER]


def trick_names(loader: ConfigLoader) -> list[str]:
    """Return every trick that has a folder, ours and the user's."""
    return sorted(subgroups(loader, "trick"))


def read_option(loader: ConfigLoader, trick: str, option: str) -> DictConfig:
    """Return the content of one option's file. Raises `UserError` if there is none."""
    found = load_file(loader, f"trick/{trick}/{option}")
    if found is not None:
        return found
    options = group_options(loader, f"trick/{trick}")
    if not options:
        raise UserError(f"no trick {trick!r}; " + nearest(trick, trick_names(loader)))
    raise UserError(f"trick {trick!r} has no option {option!r}; " + nearest(option, options))


def read_retune(loader: ConfigLoader, trick: str, option: str) -> tuple[str, ...]:
    """Return what the file of an option says is to be tuned with it: `lr`, `decay` or both.

    Raises `UserError` for what cannot be tuned.
    """
    path = f"trick/{trick}/{option}"
    found = load_remarks(loader, path).get("retune", [])
    if not isinstance(found, list):
        raise UserError(f"{path}: retune={show(found)}: write a list, retune: [lr]")
    for name in found:
        if name not in RETUNED:
            raise UserError(f"{path}: retune names {show(name)}; " + nearest(str(name), RETUNED))
    return tuple(dict.fromkeys(found))


def trick_card(loader: ConfigLoader, name: str) -> TrickCard:
    """Return the card of trick `name`, read without importing its module (and torch).

    Raises `UserError` if there is no such trick.
    """
    if name not in trick_names(loader):
        raise UserError(f"no trick {name!r}; " + nearest(name, trick_names(loader)))
    options = tuple(group_options(loader, f"trick/{name}"))
    fields: dict[str, dict[str, object]] = {}
    ranges: dict[str, dict[str, str]] = {}
    modules: list[str] = []
    for option in options:
        node = read_option(loader, name, option)
        raw = OmegaConf.to_container(node, resolve=False)  # interpolations as they are written
        assert isinstance(raw, dict)
        target = str(raw.pop("_target_"))
        fields[option] = {str(key): value for key, value in fields_of(raw).items()}
        ranges[option] = _ranges(target)
        modules.append(target.rpartition(".")[0])
    module = _card_module(modules)
    card = _docstring(module)
    return TrickCard(name, options, card.partition("\n")[0], card, fields, ranges)


def _ranges(target: str) -> dict[str, str]:
    fields = target_fields(target)
    declared = fields.declared if fields is not None else {}
    return {name: each.range(name) for name, each in declared.items()}


def _card_module(modules: Sequence[str]) -> str:
    """Return the module with the card: options named `off` name the base class, without one."""
    own = [module for module in modules if module != "darkmagic.trainers.trick"]
    return own[0] if own else modules[0]


def _docstring(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text())) or ""
