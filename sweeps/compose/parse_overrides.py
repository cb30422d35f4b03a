"""Overrides of the command line, parsed by Hydra's grammar."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.session import compose_base

__all__ = [
    "as_text",
    "field_of",
    "group_of",
    "is_hydra_override",
    "is_interpolation",
    "is_trick_field",
    "literal",
    "parse_override",
    "parse_overrides",
    "quote",
    "read_override",
    "values",
    "without_groups",
]

MAX_VALUES = 10_000
"""Values of one sweep over a key: `range(1,1000000000)` is a mistake that takes hours to list."""
ASSIGNMENT = re.compile(r"([+~]*[\w./@-]+)=(.*)", re.DOTALL)


def parse_overrides(
    loader: ConfigLoader, overrides: Sequence[str], groups: Sequence[str]
) -> list[Override]:
    """Return `overrides` parsed; an option of one of `groups` need not be quoted, and a trick that
    the configuration is without need not have a plus. A value that is no other is text, such as
    the path `/data/[old]/a=b`.

    Raises `UserError` for one that cannot be read.
    """
    quoted = [_quote_option(override, groups) for override in overrides]
    return [read_override(override) for override in _add_tricks(loader, quoted, groups)]


def read_override(text: str) -> Override:
    """Return one override as it is typed, whose value is text if it cannot be anything else.

    Raises `UserError` where it cannot be read.
    """
    try:
        return parse_override(text)
    except UserError:
        found = ASSIGNMENT.fullmatch(text)
        if found is None:
            raise
        return parse_override(f"{found[1]}={quote(found[2])}")


def as_text(override: Override) -> Override:
    """Return an override whose value is the text that was typed, such as `a,b` or `[old]`."""
    key, _, value = str(override.input_line).partition("=")
    return parse_override(f"{key}={quote(value)}")


def quote(text: str) -> str:
    r"""Return `text` as a value of an override that stands for it.

    >>> print(quote("o'brien"), quote("a=b, [c]"))
    'o\'brien' 'a=b, [c]'
    """
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text)
    return f"'{escaped}'"


def literal(value: Any) -> str:
    """Return a plain `value` as an override has it.

    >>> print(literal({"sizes": [8, 0.5], "root": "a b", "size": None}))
    {sizes: [8, 0.5], root: 'a b', size: null}
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return quote(value)
    return "null" if value is None else str(value).lower()


def parse_override(text: str) -> Override:
    """Return one override. Raises `UserError` where it cannot be read."""
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError, RecursionError):
        raise UserError(
            f"cannot read {text!r} as an override; write key=value, such as epochs=20, "
            "dataset=cifar10 or trick/optimizer=adam"
        ) from None


def values(override: Override) -> list[Any]:
    """Return the value of an override, or the several that it sweeps over.

    Raises `UserError` for a sweep whose values cannot be listed.
    """
    if not override.is_sweep_override():
        return [override.value()]
    try:
        several = list(itertools.islice(override.sweep_iterator(), MAX_VALUES + 1))
    except (HydraException, ValueError, TypeError):
        raise UserError(
            f"{override.input_line!r}: write each value, separated by commas, or range(...)"
        ) from None
    if len(several) > MAX_VALUES:
        raise UserError(f"{override.input_line!r} gives more than {MAX_VALUES:,} values")
    return [value.text if isinstance(value, QuotedString) else value for value in several]


def is_interpolation(value: Any) -> bool:
    """Return whether `value` depends on other keys, so that it is known when composed."""
    return isinstance(value, str) and "${" in value


def is_trick_field(override: Override) -> bool:
    """Return whether an override is of a trick's own field, such as `tricks.mixup.alpha`."""
    parts = override.key_or_group.split(".")
    return parts[0] == "tricks" and len(parts) > 2


def _quote_option(override: str, groups: Sequence[str]) -> str:
    """Quote options that look like numbers, which Hydra would not take as names of files."""
    key, equals, value = override.partition("=")
    if key.lstrip("+") not in groups or not equals:
        return override
    quoted = [f"'{v}'" if re.fullmatch(r"[\d.eE+-]+", v) else v for v in value.split(",")]
    return f"{key}={','.join(quoted)}"


def _add_tricks(
    loader: ConfigLoader, overrides: Sequence[str], groups: Sequence[str]
) -> Sequence[str]:
    """Write `trick/NAME=...` as an addition where the configuration is without that trick."""
    tricks = {override.partition("=")[0] for override in overrides if override.startswith("trick/")}
    if not tricks & set(groups):
        return overrides
    absent = tricks & set(groups) - set(compose_base(loader).hydra.runtime.choices)
    return [
        f"+{override}" if override.partition("=")[0] in absent else override
        for override in overrides
    ]


def without_groups(overrides: Sequence[str], groups: Collection[str]) -> list[str]:
    """Return `overrides` without those of `groups` and of the checklist's own keys."""
    others = [override for override in overrides if group_of(override) not in groups]
    return [override for override in others if not group_of(override).startswith("checklist.")]


def group_of(override: str) -> str:
    """Return the key of an override, such as `trick/mixup` of `+trick/mixup=on`."""
    return override.partition("=")[0].lstrip("+")


def field_of(override: str) -> tuple[str, str]:
    """Return the trick and the field of an override such as `tricks.mixup.alpha=1`."""
    _, trick, field, *_ = override.partition("=")[0].split(".")
    return trick, field


def is_hydra_override(override: str) -> bool:
    """Whether `override` is of Hydra's own configuration, such as `hydra.launcher.devices=cpu`."""
    return override.lstrip("+~").startswith(("hydra.", "hydra/"))
