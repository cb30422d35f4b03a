"""Keys that the command line adds, and that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.checks.fields import is_field
from darkmagic.sweeps.compose.config_keys import has_key, nearest_keys

__all__ = ["refuse_unread_keys"]


def refuse_unread_keys(
    loader: ConfigLoader, base: DictConfig, config: DictConfig, overrides: Sequence[Override]
) -> None:
    """Raise `UserError` for a key that one of `overrides` adds to `base` for nothing.

    What reads an added key is an interpolation, such as `${mine}`, in what they compose to
    (`config`) or in a file of the user's own; a field goes to the class that it is of.
    """
    adds = [o for o in overrides if o.is_add() or o.is_force_add()]
    for override in adds:
        key = override.key_or_group
        if "/" in key or is_field(key) or has_key(base, key):
            continue
        name = re.escape(key.rpartition(".")[2])
        reads = re.compile(rf"\$\{{[^}}]*(?<![\w-]){name}(?![\w-])")
        if not any(reads.search(text) for text in _texts(loader, config)):
            raise UserError(
                f"{override.input_line!r}: no code reads {key}, nor does any ${{{key}}}; "
                + nearest_keys(key, base)
            )


def _texts(loader: ConfigLoader, config: DictConfig) -> Iterator[str]:
    yield OmegaConf.to_yaml(config)
    for source in loader.get_sources():
        if source.scheme() == "file":
            for path in sorted(Path(source.path).rglob("*.yaml")):
                yield path.read_text(errors="replace")
