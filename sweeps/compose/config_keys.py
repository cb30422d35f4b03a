"""Dotted keys of a configuration: whether one is there, and which are near it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from darkmagic.checklist.errors import nearest

__all__ = ["has_key", "nearest_keys"]


def has_key(config: DictConfig, key: str) -> bool:
    """Return whether `config` has the dotted `key`, whatever its value."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node.keys():  # noqa: SIM118 (??? too)
            return False
        node = node._get_node(part)  # noqa: SLF001 (a value of null is a key all the same)
    return True


def nearest_keys(key: str, config: DictConfig) -> str:
    """Suggest keys, by their last part too: `cycles` is near `tricks.lr_regime.cycles`."""
    known = [k for k in _keys(config) if not k.startswith("hydra")]
    last = {k.rpartition(".")[2]: k for k in sorted(known, key=lambda k: -k.count("."))}
    if close := difflib.get_close_matches(key.rpartition(".")[2], last, n=2, cutoff=0.7):
        return "did you mean " + " or ".join(last[name] for name in close) + "?"
    return nearest(key, [k for k in known if "." not in k])


def _keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    for name in map(str, config):
        node = config._get_node(name)  # noqa: SLF001 (values may be interpolations)
        yield f"{prefix}{name}"
        if isinstance(node, DictConfig) and not node._is_none():  # noqa: SLF001
            yield from _keys(node, f"{prefix}{name}.")
