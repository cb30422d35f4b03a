"""Overrides of the command line: parsed, checked, and brought into Hydra's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.checks.choices import check_choice, chosen_options, is_choice
from darkmagic.sweeps.compose.checks.fields import check_key, check_trick_field, takes_text
from darkmagic.sweeps.compose.checks.moved_keys import refuse_moved_keys, refuse_moved_values
from darkmagic.sweeps.compose.checks.secret_uri import hide_secret_uri
from darkmagic.sweeps.compose.checks.unread_keys import refuse_unread_keys
from darkmagic.sweeps.compose.checks.values import MISSING, check_config, check_swept_values
from darkmagic.sweeps.compose.command.checks import (
    check_trainer,
    refuse_loop_overrides,
    refuse_without_trainer,
)
from darkmagic.sweeps.compose.command.lists import as_word_list
from darkmagic.sweeps.compose.config_keys import flat_items, raw_value
from darkmagic.sweeps.compose.groups import all_groups
from darkmagic.sweeps.compose.parse_overrides import (
    as_text,
    is_trick_field,
    parse_overrides,
    values,
)
from darkmagic.sweeps.compose.session import compose, compose_base

__all__ = ["CheckedOverrides", "check_overrides", "read_overrides"]


@dataclass(frozen=True)
class CheckedOverrides:
    """Checked overrides, in Hydra's form.

    `tricks` are those of a trick's own field (`tricks.mixup.alpha=1`), which apply to the
    trials whose option has the field, and `plain` are the others. `config` is what `plain`
    composes to, and `options` are those of each trick that it, or a sweep in `plain`, chooses.
    """

    plain: tuple[str, ...]
    tricks: tuple[str, ...]
    config: DictConfig
    options: Mapping[str, tuple[str, ...]]


def check_overrides(
    loader: ConfigLoader, overrides: Sequence[str], *, sweep: bool = False
) -> CheckedOverrides:
    """Check `overrides` against the configuration, and the configuration that they compose.

    `sweep` allows several values an override (`trick/optimizer=adam,sgd_nesterov`). Raises
    `UserError`, one line naming the key and the nearest valid one, or what it takes.
    """
    base, parsed, choices = read_overrides(loader, overrides, sweep=sweep)
    tricks = [o for o in parsed if _is_tricks_own(o)]
    plain = [o for o in parsed if o not in tricks]
    config = compose(loader, _lines(o for o in plain if not o.is_sweep_override()))
    refuse_unread_keys(loader, base, config, plain)
    refuse_moved_values(config)
    _refuse_unnamed(config)
    swept = {o.key_or_group for o in plain if o.is_sweep_override()}
    for key in sorted(_missing_keys(config) - swept):
        raise UserError(f"{key} is not set; give it as {key}=...")
    check_config(config)
    check_trainer(config)
    for override in (o for o in plain if o.is_sweep_override()):
        key = override.key_or_group
        group, path = key.partition(".")[0], key.rpartition(".")[0]
        if not swept & {group, f"{path}._target_"}:  # what takes the values is swept too
            check_swept_values(config, key, values(override))
    return CheckedOverrides(
        plain=tuple(_lines(plain)),
        tricks=tuple(_lines(tricks)),
        config=config,
        options=_options(config, choices),
    )


def read_overrides(
    loader: ConfigLoader, overrides: Sequence[str], *, sweep: bool = False
) -> tuple[DictConfig, list[Override], list[Override]]:
    """Check each of `overrides` by itself, before they are composed.

    Returns the configuration that the chosen options compose to, all overrides, and those that
    choose options. Raises `UserError` as `check_overrides` does.
    """
    refuse_moved_keys(overrides)
    refuse_without_trainer(overrides)
    groups = all_groups(loader)
    parsed = parse_overrides(loader, list(map(as_word_list, overrides)), groups)
    for override in parsed:
        if is_choice(override, groups):
            check_choice(loader, override, groups)
    refuse_loop_overrides(parsed)
    choices = [o for o in parsed if o.key_or_group in groups]
    base = compose_base(loader, _lines(o for o in choices if not o.is_sweep_override()))
    parsed = [
        as_text(o) if _is_text_by_mistake(o, base, sweep=sweep, groups=groups) else o
        for o in parsed
    ]
    for override in parsed:
        if override.is_sweep_override() and not sweep:
            raise UserError(
                f"{override.input_line!r} gives several values, but a checklist gives one to all "
                "its trials; to try several: darkmagic train -m " + str(override.input_line)
            )
    for override in (o for o in parsed if o not in choices):
        if _is_tricks_own(override):
            check_trick_field(loader, override)
        else:
            check_key(override, base)
    return base, list(map(hide_secret_uri, parsed)), choices


def _is_tricks_own(override: Override) -> bool:
    return is_trick_field(override) and not override.is_add() and not override.is_delete()


def _refuse_unnamed(config: DictConfig) -> None:
    """Raise `UserError` for a file of a checklist, a data set or a model without a name."""
    choices = config.hydra.runtime.choices
    for group in (
        group for group in ("checklist", "dataset", "model", "trainer") if group in choices
    ):
        file = f"{group}/{choices[group]}"
        node = config.get(group)
        if not isinstance(node, DictConfig):
            raise UserError(f"{file} sets no keys of {group}; its file is a mapping, key: value")
        if raw_value(node, "name") in (None, ""):
            raise UserError(f"{group} has no name; write name: {choices[group]} in {file}.yaml")


def _is_text_by_mistake(
    override: Override, base: DictConfig, *, sweep: bool, groups: Sequence[str]
) -> bool:
    """Whether a key takes text, and a path such as `a,b` or `[old]` was read as several values."""
    if override.key_or_group in groups or override.is_delete():
        return False
    several = override.is_sweep_override() and not sweep
    nested = not override.is_sweep_override() and isinstance(override.value(), list | dict)
    return (several or nested) and takes_text(override.key_or_group, base)


def _options(config: DictConfig, choices: Sequence[Override]) -> dict[str, tuple[str, ...]]:
    """Return the options that `config` has of each trick, and those that `choices` sweep over."""
    chosen: dict[str, tuple[str, ...]] = {
        str(group): (str(option),) for group, option in config.hydra.runtime.choices.items()
    }
    chosen |= {o.key_or_group: tuple(chosen_options(o)) for o in choices}
    tricks = {group: options for group, options in chosen.items() if group.startswith("trick/")}
    return {group.removeprefix("trick/"): options for group, options in tricks.items()}


def _missing_keys(config: DictConfig) -> set[str]:
    """Return the keys that are still to be given, without those that only refer to one."""
    ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain = OmegaConf.to_container(ours, resolve=False)
    assert isinstance(plain, dict)
    return {key for key, value in flat_items(plain) if value == MISSING}


def _lines(overrides: Iterable[Override]) -> list[str]:
    return [str(o.input_line) for o in overrides]
