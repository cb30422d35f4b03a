"""Checks of the values of a composed configuration, against the declarations of their targets."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.checks.declarations import TargetFields, target_fields
from darkmagic.sweeps.compose.checks.ranges import read_ranges
from darkmagic.sweeps.compose.checks.targets import target_problem
from darkmagic.sweeps.compose.config_files import config_message
from darkmagic.sweeps.compose.config_keys import raw_value
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.former_names import current_field
from darkmagic.sweeps.trial.identity import BESIDE_FIELDS
from darkmagic.sweeps.trial.settings import settings
from darkmagic.trainers.declare.kinds import show
from darkmagic.trainers.fields import broken_constraint

__all__ = [
    "MISSING",
    "check_config",
    "check_node",
    "check_resolved",
    "check_swept_values",
    "former_field",
    "resolve_part",
]

MISSING = "???"
TARGETS = ("dataset.source", "dataset.upstream.source", "model.build")
"""Nodes with a `_target_`, beside those of tricks."""


def check_config(config: DictConfig) -> None:
    """Check every declared value of a composed `config` against its declaration.

    Raises `UserError`, one line naming the key, for the first that is not of its type, out of
    its range, or cannot be resolved.
    """
    content = {
        str(key): resolve_part(config, str(key))
        for key in config
        if key != "hydra" and not OmegaConf.is_missing(config, key)
    }
    launcher = {"launcher": resolve_part(config.hydra, "launcher")} if "hydra" in config else {}
    check_resolved({**content, "hydra": launcher})


def resolve_part(config: DictConfig, key: str) -> Any:
    """Return what `config` has at `key` as plain values. Raises `UserError` where it cannot."""
    try:
        value = config[key]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except (OmegaConfBaseException, ValueError, TypeError, RecursionError) as error:
        raise UserError(_unresolved(config, key, error)) from error


def _unresolved(config: DictConfig, key: str, error: Exception) -> str:
    """Return a line about an interpolation: its key, what is written there, what is wrong."""
    where = getattr(error, "full_key", None) or key
    root = config._get_root()  # noqa: SLF001 (a part knows no public way to it)
    written = raw_value(root, str(where)) if isinstance(root, DictConfig) else None
    shown = f"{where}={show(written)}" if written is not None else where
    return f"{shown}: {config_message(error).removeprefix(f'{where}: ')}"


def check_swept_values(config: DictConfig, key: str, values: Iterable[Any]) -> None:
    """Check each of the `values` that a sweep gives to `key`, within a data set or a model.

    `config` is composed without them; values of other keys are checked as they are overridden.
    """
    if key.startswith(("dataset.", "model.")):
        for value in values:
            trial = copy.deepcopy(config)
            OmegaConf.update(trial, key, value, force_add=True)
            check_config(trial)


def check_resolved(resolved: Mapping[str, Any]) -> None:
    """Check a configuration of plain values against the declarations; see `check_config`."""
    command = is_command(resolved)
    _check_settings(resolved, command=command)
    if command:
        return
    pieces, images = resolved["gradient_accumulation"], resolved["batch_size"]
    if pieces > images:
        raise UserError(
            f"gradient_accumulation={pieces}: a batch has {images} images, and each piece needs one"
        )
    upstream = _select(resolved, "dataset.upstream")
    if isinstance(upstream, Mapping):
        epochs = upstream.get("epochs")
        problem = dict(settings())["epochs"].problem("epochs", epochs)
        if problem is not None:
            raise UserError(f"dataset.upstream.epochs={show(epochs)}: {problem}")
    tricks = resolved.get("tricks")
    if not isinstance(tricks, Mapping):
        raise UserError("tricks is not set, and it cannot be left out")
    for key, content in _targets(resolved):
        check_node(key, content)


def _check_settings(resolved: Mapping[str, Any], *, command: bool) -> None:
    """Check the declared keys, of which a command has those of the sweep alone."""
    for key, declared in settings():
        node: Any = resolved
        *path, name = key.split(".")
        for part in path:
            node = node.get(part) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping) or name not in node:
            if not key.startswith("hydra.") and not command:  # another launcher has other keys
                raise UserError(f"{key} is not set, and it cannot be left out")
            continue
        problem = declared.problem(name, node[name])
        if problem is not None and node[name] != MISSING:
            raise UserError(f"{key}={show(node[name])}: {problem}")


def _targets(resolved: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the nodes that a trial makes objects of, by dotted key."""
    for name, content in resolved["tricks"].items():
        yield f"tricks.{name}", content
    for key in TARGETS:
        node = _select(resolved, key)
        if node is not None:
            yield key, node


def _select(resolved: Any, key: str) -> Any:
    """Return the value at a dotted `key`; None where there is none."""
    for part in key.split("."):
        resolved = resolved.get(part) if isinstance(resolved, Mapping) else None
    return resolved


def check_node(key: str, content: Any, note: str = "") -> None:
    """Check the fields in `content`, a resolved node with a `_target_`, against its target.

    Raises `UserError` naming `key`, with `note` after it.
    """
    target = content.get("_target_") if isinstance(content, Mapping) else None
    if not isinstance(target, str):
        raise UserError(f"{key}={show(content)}{note}: it takes a mapping with a _target_")
    _check_target(key, target, content, note)
    fields = target_fields(target)
    if fields is None:
        return
    given = {
        name: value
        for name, value in content.items()
        if not str(name).startswith("_") and name not in BESIDE_FIELDS and value != MISSING
    }
    for name, value in given.items():
        if isinstance(value, Mapping) and isinstance(value.get("_target_"), str):
            check_node(f"{key}.{name}", value, note)  # an object of its own
        declared = fields.declared.get(name)
        if declared is not None:
            problem = declared.problem(name, value)
            if problem is not None:
                raise UserError(f"{key}.{name}={show(value)}{note}: {problem}")
        elif fields.closed and name not in fields.names:
            raise UserError(_unknown_field(key, target, str(name), fields) + note)
    _check_whole(key, content, fields, given, note)
    read_ranges(key, content, fields.declared, note)


def _check_whole(
    key: str, content: Mapping[Any, Any], fields: TargetFields, given: Mapping[Any, Any], note: str
) -> None:
    """Check that what is required is `given`, and what several fields must have together."""
    for name, declared in fields.declared.items():
        if declared.required and name not in content and not content.get("_partial_"):
            raise UserError(f"{key}.{name} is not set{note}; it takes {declared.range(name)}")
    defaults = {n: d.default for n, d in fields.declared.items() if not d.required}
    problem = broken_constraint(fields.constraints, {**defaults, **given})
    if problem is not None:
        raise UserError(f"{key}{note}: {problem}")


def _check_target(key: str, target: str, content: Mapping[Any, Any], note: str) -> None:
    problem = target_problem(target)
    if problem is not None:
        raise UserError(f"{key}._target_={show(target)}{note}: {problem}")
    for name, kind in (("_partial_", bool), ("_args_", list)):
        if not isinstance(content.get(name, kind()), kind):
            raise UserError(f"{key}.{name}={show(content[name])}{note}: leave it out")


def _unknown_field(key: str, target: str, name: str, fields: TargetFields) -> str:
    former = former_field(key, target, name)
    if former is not None:
        return former
    known = [f"{key}.{each}" for each in fields.names]
    return f"{key}.{name}: {fields.name} has no field {name!r}; " + nearest(f"{key}.{name}", known)


def former_field(key: str, target: str, name: str) -> str | None:
    """Return a line that says what the field `name` is called today; None if it is no former one.

    `key` is that of the trick, `target` its class.
    """
    today = current_field(target, name)
    fields = target_fields(target)
    if today is None or fields is None:
        return None
    example = show(fields.declared[today].default).replace(" ", "")
    return f"{key}.{name} is {key}.{today} now; write, for example, {key}.{today}={example}"
