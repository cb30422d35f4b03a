"""Checks of the options that trials take, with overrides of their fields, against declarations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.checks.values import check_node, resolve_part
from darkmagic.sweeps.compose.groups import read_option
from darkmagic.sweeps.compose.parse_overrides import is_trick_field, parse_override, values
from darkmagic.sweeps.compose.session import compose, group_options

__all__ = ["check_options", "refuse_unused_fields"]


def check_options(
    loader: ConfigLoader,
    config: DictConfig,
    options: Mapping[str, Sequence[str]],
    overrides: Sequence[str],
) -> None:
    """Check each of the `options` of each trick, with `overrides`, against the class it names.

    `config` is what the trials have in common, which interpolations refer to. An override of a
    field applies to the options that have the field. To compose each trial takes a tenth of a
    second; this reads the files of options alone. Raises `UserError` naming key and option.
    """
    parsed = [parse_override(word) for word in overrides]
    fields = [override for override in parsed if is_trick_field(override)]
    probe = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.set_struct(probe, False)
    for trick, names in options.items():
        ours = [o for o in fields if o.key_or_group.split(".")[1] == trick]
        known = group_options(loader, f"trick/{trick}")
        for option in names:
            if option not in known:  # `off` needs no file
                continue
            note = f" (trick/{trick}={option})"
            for content in _contents(loader, config, trick, option, ours):
                probe.tricks[trick] = content
                check_node(f"tricks.{trick}", resolve_part(probe.tricks, trick), note)


def refuse_unused_fields(
    loader: ConfigLoader,
    options: Mapping[str, Sequence[str]],
    overrides: Sequence[str],
    *,
    every: bool = False,
) -> None:
    """Raise `UserError` for an override of a field that no trial has, which would do nothing.

    `options` are those that trials take of each trick. With `every`, each of them has to have it.
    """
    for override in map(parse_override, overrides):
        if not is_trick_field(override) or override.is_add() or override.is_delete():
            continue
        _, trick, name = override.key_or_group.split(".", 2)
        taken = list(options.get(trick, ()))
        known = group_options(loader, f"trick/{trick}")
        files = {option: read_option(loader, trick, option) for option in known}
        if any("defaults" in files[option] for option in taken if option in files):
            continue  # the field may be another file's
        have = [option for option, file in files.items() if name.partition(".")[0] in file]
        missing = [option for option in taken if option not in have] or ["off"]
        if not set(taken) & set(have) or (every and set(taken) - set(have)):
            which = "a trial" if set(taken) & set(have) else "every trial"
            raise UserError(
                f"{override.input_line}: {which} has trick/{trick}={missing[0]}, which has no "
                f"{name}; take trick/{trick}={' or '.join(have)}, or leave it out"
            )


def _contents(
    loader: ConfigLoader,
    config: DictConfig,
    trick: str,
    option: str,
    overrides: Sequence[Override],
) -> Iterator[Any]:
    """Yield the content of an option for each combination of the values of `overrides`."""
    plain = OmegaConf.to_container(read_option(loader, trick, option))
    if not isinstance(plain, dict) or "defaults" in plain or "_target_" not in plain:
        # It includes another file or has another package, which only a composition resolves.
        group = f"trick/{trick}"
        plus = "" if group in config.hydra.runtime.choices else "+"
        composed = compose(loader, [f"{plus}{group}='{option}'"])
        plain = OmegaConf.to_container(composed.tricks).get(trick)  # type: ignore[union-attr]
        if not isinstance(plain, dict):
            raise UserError(
                f"trick/{trick}={option} sets nothing in tricks.{trick}; its file begins with "
                f"# @package tricks.{trick} and names a _target_"
            )
    applied = []
    for override in overrides:
        path = override.key_or_group.split(".", 2)[2]
        has_field = path.partition(".")[0] in plain
        if override.is_delete() and not has_field:
            raise UserError(
                f"{override.input_line!r}: trick/{trick}={option} has no {path!r} to leave out"
            )
        if has_field or override.is_add():
            applied.append((path, [None] if override.is_delete() else values(override)))
    deleted = [o.key_or_group.split(".", 2)[2] for o in overrides if o.is_delete()]
    for combination in itertools.product(*(several for _, several in applied)):
        node = DictConfig(plain)
        for (path, _), value in zip(applied, combination, strict=True):
            OmegaConf.update(node, path, value, force_add=True)
        for path in deleted:
            node.pop(path.partition(".")[0], None)
        yield node
