"""The words of the command line: read, checked against what there is, and made Hydra's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.config_keys import has_key, nearest_keys
from darkmagic.sweeps.compose.groups import all_groups, read_option
from darkmagic.sweeps.compose.moved_keys import refuse_moved_keys, refuse_moved_values
from darkmagic.sweeps.compose.session import compose, group_options
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.recipe import check_numbers

__all__ = ["CheckedOverrides", "check_overrides"]

NUMBERS_OR_NULL: Mapping[str, type] = {
    "max_steps": int,
}
"""Keys whose default, null, does not tell their type."""


@dataclass(frozen=True)
class CheckedOverrides:
    """Checked overrides, in Hydra's form.

    `tricks` are those of a trick's own field (`tricks.mixup.alpha=1`), which apply to the
    trials whose option has the field, and `plain` are the others. `config` is what `plain`
    composes to.
    """

    plain: tuple[str, ...]
    tricks: tuple[str, ...]
    config: DictConfig


def check_overrides(
    loader: ConfigLoader, words: Sequence[str], *, sweep: bool = False
) -> CheckedOverrides:
    """Check `words` against the configuration.

    `sweep` allows several values a word (`trick/optimizer=adam,sgd_nesterov`). Raises
    `UserError`, one line naming the word and the nearest valid ones.
    """
    refuse_moved_keys(words)
    groups = all_groups(loader)
    quoted = [_quote_option(word, groups) for word in words]
    overrides = [_parse(word) for word in _add_tricks(loader, quoted, groups)]
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise UserError(
                f"{override.input_line!r} gives several values, but a checklist gives one to all "
                "its trials; to try several: darkmagic train -m " + str(override.input_line)
            )
        if "/" in override.key_or_group or override.key_or_group in groups:
            _check_choice(loader, override, groups)

    choices = [o for o in overrides if o.key_or_group in groups]
    base = _compose(loader, [o for o in choices if not o.is_sweep_override()])
    tricks = [o for o in overrides if _is_trick_field(o) and not o.is_add() and not o.is_delete()]
    for override in overrides:
        if override in choices or override.is_add() or override.is_delete():
            continue
        if not override.is_hydra_override():
            defaults = _option_fields(loader, override) if override in tricks else None
            _check_value(override, base, defaults)

    plain = [o for o in overrides if o not in tricks]
    config = _compose(loader, [o for o in plain if not o.is_sweep_override()])
    refuse_moved_values(config)
    swept = {o.key_or_group for o in plain if o.is_sweep_override()}
    for key in sorted(OmegaConf.missing_keys(config) - swept):
        if not key.startswith("hydra."):
            raise UserError(f"{key} is not set; give it as {key}=...")
    _check_numbers(config)
    return CheckedOverrides(
        plain=tuple(str(o.input_line) for o in plain),
        tricks=tuple(str(o.input_line) for o in tricks),
        config=config,
    )


def _parse(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        raise UserError(
            f"cannot read {word!r} as an override; write key=value, such as epochs=20, "
            "dataset=cifar10 or trick/optimizer=adam"
        ) from None


def _quote_option(word: str, groups: Sequence[str]) -> str:
    """Quote options that look like numbers, which Hydra would not take as names of files."""
    key, equals, value = word.partition("=")
    if key.lstrip("+") not in groups or not equals:
        return word
    quoted = [f"'{v}'" if re.fullmatch(r"[\d.eE+-]+", v) else v for v in value.split(",")]
    return f"{key}={','.join(quoted)}"


def _add_tricks(loader: ConfigLoader, words: Sequence[str], groups: Sequence[str]) -> Sequence[str]:
    """Write `trick/NAME=...` as an addition where the configuration is without that trick."""
    tricks = {word.partition("=")[0] for word in words if word.startswith("trick/")}
    if not tricks & set(groups):
        return words
    absent = tricks & set(groups) - set(compose(loader, []).hydra.runtime.choices)
    return [f"+{word}" if word.partition("=")[0] in absent else word for word in words]


def _check_choice(loader: ConfigLoader, override: Override, groups: Sequence[str]) -> None:
    group = override.key_or_group
    if group not in groups:
        raise UserError(
            f"no group {group!r} (in {override.input_line!r}); {nearest(group, groups)}"
        )
    if override.is_delete():
        raise UserError(
            f"{override.input_line!r}: a group cannot be left out; choose its plain option, such "
            "as trick/mixup=off, or name the tricks you want in a checklist of your own"
        )
    options = group_options(loader, group)
    for text in _values(override):
        if text not in options:
            raise UserError(
                f"no option {text!r} of {group} (in {override.input_line!r}); "
                + nearest(text, options)
            )


def _values(override: Override) -> Iterator[str]:
    if override.is_sweep_override():
        yield from (v.strip("'\"") for v in override.sweep_string_iterator())
    elif isinstance(value := override.value(), str):
        yield value
    else:
        raise UserError(f"{override.input_line!r}: give the name of an option")


def _is_trick_field(override: Override) -> bool:
    parts = override.key_or_group.split(".")
    return parts[0] == "tricks" and len(parts) > 2


def _option_fields(loader: ConfigLoader, override: Override) -> list[Any]:
    """Return what each option of the trick has in the field; raise where none has it."""
    _, trick, *path = override.key_or_group.split(".")
    fields: set[str] = set()
    found = []
    for option in group_options(loader, f"trick/{trick}"):
        node = read_option(loader, trick, option)
        fields.update(f"tricks.{trick}.{name!s}" for name in node if name != "_target_")
        if path[0] in node:
            found.append(OmegaConf.to_container(node)[path[0]])  # type: ignore[call-overload,index]
    if not found:
        raise UserError(
            f"no option of trick {trick!r} has {override.key_or_group!r}; "
            + nearest(override.key_or_group, fields)
        )
    return found


def _check_value(override: Override, base: DictConfig, defaults: list[Any] | None) -> None:
    """Hold the override's key to what the configuration has, and its value to that type."""
    key = override.key_or_group
    if defaults is None:
        if not has_key(base, key):
            raise UserError(f"no key {key!r}; " + nearest_keys(key, base))
        default = OmegaConf.select(base, key, throw_on_missing=False)
        defaults = [OmegaConf.to_object(default) if OmegaConf.is_config(default) else default]
    if override.is_sweep_override():
        return
    value = override.value()
    kinds = [NUMBERS_OR_NULL.get(key, type(default)) for default in defaults]
    nullable = key in NUMBERS_OR_NULL or None in defaults
    if (value is None and nullable) or any(_fits(value, kind) for kind in kinds):
        return
    wanted = " or ".join(sorted({_NAMES.get(kind, kind.__name__) for kind in kinds}))
    raise UserError(f"{override.input_line!r}: {key} takes {wanted}, as in {key}={defaults[0]}")


_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a name",
    dict: "a mapping",
    list: "a list",
}


def _fits(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return isinstance(value, bool) and kind in (bool, type(None))
    if kind is int:
        return isinstance(value, int)
    if kind is float:
        return isinstance(value, int | float)
    if kind in (dict, list):
        return isinstance(value, kind)
    return kind is type(None) or not isinstance(value, list | dict)


def _compose(loader: ConfigLoader, overrides: Sequence[Override]) -> DictConfig:
    try:
        return compose(loader, [str(o.input_line) for o in overrides])
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise UserError(short_message(error)) from error


def _check_numbers(config: DictConfig) -> None:
    """Check ranges with the trainer's own rules, before anything starts."""
    try:
        check_numbers(
            **{key: config[key] for key in ("epochs", "batch_size", "max_steps", "amp")},
            cuda_graphs=config.runtime.cuda_graphs,
        )
    except OmegaConfBaseException as error:
        raise UserError(short_message(error)) from error
    except ValueError as error:
        raise UserError(str(error)) from None
