"""Checks of overrides that choose options of groups, against the existing ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.parse_overrides import values
from darkmagic.sweeps.compose.session import compose_base, group_options

__all__ = ["check_choice", "chosen_options", "is_choice"]


def is_choice(override: Override, groups: Sequence[str]) -> bool:
    """Return whether an override chooses an option, or is meant to."""
    return "/" in override.key_or_group or override.key_or_group in groups


def check_choice(loader: ConfigLoader, override: Override, groups: Sequence[str]) -> None:
    """Raise `UserError`, naming the nearest, for a group or an option that there is not."""
    group = override.key_or_group
    if group not in groups:
        raise UserError(
            f"no group {group!r} (in {override.input_line!r}); {nearest(group, groups)}"
        )
    if override.package is not None:
        raise UserError(f"{override.input_line!r}: write {group}={override.value()}, without @")
    if override.is_delete():
        raise UserError(
            f"{override.input_line!r}: a group cannot be left out; choose its plain option, such "
            "as trick/mixup=off, or name the tricks you want in a checklist of your own"
        )
    if override.is_add() and group in compose_base(loader).hydra.runtime.choices:
        instead = str(override.input_line).lstrip("+")
        raise UserError(f"{override.input_line!r}: an option is chosen already; write {instead}")
    options = group_options(loader, group)
    for text in chosen_options(override):
        if text not in options:
            raise UserError(
                f"no option {text!r} of {group} (in {override.input_line!r}); "
                + nearest(text, options)
            )


def chosen_options(override: Override) -> Iterator[str]:
    """Yield the names of the options that an override of a group chooses."""
    for value in values(override):
        if not isinstance(value, str):
            raise UserError(f"{override.input_line!r}: give the name of an option")
        yield value
