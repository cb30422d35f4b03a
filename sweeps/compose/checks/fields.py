"""Checks of overrides of keys, against the existing keys and their declarations."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.checks.values import MISSING, former_field
from darkmagic.sweeps.compose.config_keys import has_key, nearest_keys, raw_value
from darkmagic.sweeps.compose.groups import read_option
from darkmagic.sweeps.compose.parse_overrides import is_interpolation, is_trick_field, values
from darkmagic.sweeps.compose.session import group_options
from darkmagic.sweeps.trial.identity import BESIDE_FIELDS
from darkmagic.sweeps.trial.settings import settings
from darkmagic.trainers.declare.kinds import Declared, Kind, show

__all__ = ["check_key", "check_trick_field", "is_field", "takes_text"]

HYDRAS_KEYS = ("hydra.launcher.", "hydra.sweeper.", "hydra.sweep.", "hydra.searchpath.")
FIELDS = (
    *("dataset.source.", "dataset.upstream", "model.build.", "hydra.launcher."),
    *("trainer.tricks", "trainer.env"),
)
"""Where a field that is left out has its default."""
Problem = Callable[[Any], str | None]
"""Returns what is wrong with a value; None if nothing is."""


def check_key(override: Override, base: DictConfig) -> None:
    """Check an override of a key of the configuration against the key's declaration.

    A key without one takes what its value in `base` is of. Raises `UserError` naming the
    nearest keys where there is no such key.
    """
    key, line = override.key_or_group, override.input_line
    root = key.partition(".")[0]
    if root == "hydra" and not f"{key}.".startswith(HYDRAS_KEYS):
        known = ", ".join(k.rstrip(".") for k in HYDRAS_KEYS)
        raise UserError(f"{line!r}: of Hydra's own keys you can set those of {known}")
    if key == "hydra.searchpath":
        _check_search_path(override)
    if override.is_delete() and (is_trick_field(override) or _is_declared(key)):
        return  # what needs it says so
    if not has_key(base, key):
        _check_new_key(override, base)
        return
    if override.is_add():
        raise UserError(f"{line!r}: {key} is there already; write {str(line).lstrip('+')}")
    if override.is_delete():
        if not key.startswith(FIELDS):
            raise UserError(f"{line!r}: {key} cannot be left out; give it another value")
        return
    declared = dict(settings()).get(key)
    if declared is not None:
        _check(override, [_declared(key, declared)])
        return
    default = _default(base, key)
    if not (key.startswith("hydra.launcher.") and isinstance(default, str)):  # see takes_text
        _check(override, [_like(key, default)])


def _check_new_key(override: Override, base: DictConfig) -> None:
    """Check a key that `base` is without: a plus adds it, unless it is near one that there is."""
    key = override.key_or_group
    closed = key.startswith(("hydra.", "runtime.", "checklist."))
    if not (override.is_add() or override.is_force_add()) or (
        closed and not key.startswith("hydra.launcher.")
    ):
        if key.startswith("hydra.launcher."):
            have = [f"hydra.launcher.{name}" for name in base.hydra.launcher if name != "_target_"]
            raise UserError(f"no key {key!r}; " + nearest(key, have))
        raise UserError(f"no key {key!r}; " + nearest_keys(key, base))
    if is_field(key):
        return  # its class says which there are
    if re.fullmatch(r"[\w-]+(\.[\w-]+)*", key) is None:
        raise UserError(f"no key {key!r} can be added; write +name=value")
    parent, _, name = key.rpartition(".")
    beside = raw_value(base, parent) if parent else OmegaConf.to_container(base, resolve=False)
    if parent and not isinstance(beside, Mapping | None):
        raise UserError(f"no key {key!r}: {parent}={show(beside)} holds no keys")
    if close := difflib.get_close_matches(name, map(str, beside or ()), n=1, cutoff=0.75):
        near = f"{parent}.{close[0]}" if parent else close[0]
        raise UserError(f"{override.input_line!r}: no code reads {key}; did you mean {near}?")


def is_field(key: str) -> bool:
    """Return whether a key is of what goes to a class, which says itself which ones it takes."""
    return key.startswith((*FIELDS, "tricks."))


def _is_declared(key: str) -> bool:
    return any(f"{each}.".startswith(f"{key}.") for each, _ in settings())


def _check_search_path(override: Override) -> None:
    for value in values(override):
        for folder in value if isinstance(value, list) else [value]:
            path = str(folder).removeprefix("file://")
            if "://" not in path and not Path(path).is_dir():
                raise UserError(f"no folder {path} ({override.input_line})")


def _default(base: DictConfig, key: str) -> Any:
    """Return the value of `key` in `base`, None where that depends on what is not set yet."""
    try:
        default = OmegaConf.select(base, key, throw_on_missing=False)
        return OmegaConf.to_object(default) if OmegaConf.is_config(default) else default
    except OmegaConfBaseException:
        return None


def takes_text(key: str, base: DictConfig) -> bool:
    """Return whether a key takes text, by its declaration or by what `base` has there."""
    declared = dict(settings()).get(key)
    if declared is None and key.startswith(("dataset.", "model.")):
        parent, _, name = key.rpartition(".")
        fields = target_fields(str(raw_value(base, f"{parent}._target_")))
        declared = fields.declared.get(name) if fields is not None else None
    if declared is not None:
        return declared.kind is Kind.TEXT
    if key.startswith("hydra.launcher."):  # `auto` there stands for a number or a list, which the
        return False  # launcher checks
    written = raw_value(base, key)
    return isinstance(written, str) and written != MISSING


def check_trick_field(loader: ConfigLoader, override: Override) -> None:
    """Check an override of a trick's field against the options that have the field.

    At least one of them must take its values.

    Raises `UserError` naming the nearest fields where no option has it.
    """
    key = override.key_or_group
    _, trick, name, *deeper = key.split(".")
    known: set[str] = set()
    former: str | None = None
    problems: list[Problem] = []
    for option in group_options(loader, f"trick/{trick}"):
        node = OmegaConf.to_container(read_option(loader, trick, option))
        assert isinstance(node, dict)
        target = str(node.get("_target_", ""))
        fields = target_fields(target)
        declared = fields.declared if fields is not None else {}
        beside = ("_target_", *BESIDE_FIELDS)
        known.update(f"tricks.{trick}.{each!s}" for each in node if each not in beside)
        former = former or former_field(f"tricks.{trick}", target, name)
        if name in node and not deeper and name in declared:
            problems.append(_declared(name, declared[name]))
        elif name in node:
            problems.append(_like(key, node[name]) if not deeper else lambda _: None)
    if not problems:
        missing = f"no option of trick {trick!r} has {key!r}; " + nearest(key, known)
        raise UserError(former or missing)
    _check(override, problems)


def _check(override: Override, problems: list[Problem]) -> None:
    """Raise `UserError` for the first value that none of `problems` lets pass."""
    for value in values(override):
        found = [problem(value) for problem in problems]
        if None not in found and not is_interpolation(value):
            raise UserError(f"{override.key_or_group}={show(value)}: {found[0]}")


def _declared(key: str, declared: Declared) -> Problem:
    return lambda value: declared.problem(key.rpartition(".")[2], value)


NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a name",
    dict: "a mapping",
    list: "a list",
}


def _like(key: str, default: Any) -> Problem:
    """Return the check that a value is of the type of `default`."""

    def problem(value: Any) -> str | None:
        if _fits(value, type(default)):
            return None
        example = "" if isinstance(default, dict) else f", as in {show(default)}"
        return f"{key} takes {NAMES.get(type(default), type(default).__name__)}{example}"

    return problem


def _fits(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return isinstance(value, bool) and kind in (bool, type(None))
    if kind is int:
        return isinstance(value, int)
    if kind is float:
        return isinstance(value, int | float)
    if kind in (dict, list):
        return isinstance(value, kind)
    return kind is type(None) or not (value is None or isinstance(value, list | dict))
