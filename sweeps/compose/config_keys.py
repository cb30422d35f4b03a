"""Dotted keys of a configuration: whether one is there, and which are near it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import nearest

__all__ = ["flat_items", "has_key", "nearest_keys", "raw_value"]


ABSENT = object()


def has_key(config: DictConfig, key: str) -> bool:
    """Return whether `config` has the dotted `key`, whatever its value: null and ??? too."""
    return raw_value(config, key, absent=ABSENT) is not ABSENT


def raw_value(config: DictConfig, key: str, absent: Any = None) -> Any:
    """Return the value at the dotted `key` as it is written, interpolations and ??? too."""
    node: Any = OmegaConf.to_container(config, resolve=False)
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return absent
        node = node[part]
    return node


def nearest_keys(key: str, config: DictConfig) -> str:
    """Suggest keys, by their last part too: `cycles` is near `tricks.lr_regime.cycles`."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    known = [k for k, _ in flat_items(plain) if not k.startswith("hydra")]
    last = {k.rpartition(".")[2]: k for k in sorted(known, key=lambda k: -k.count("."))}
    if close := difflib.get_close_matches(key.rpartition(".")[2], last, n=2, cutoff=0.7):
        return "did you mean " + " or ".join(last[name] for name in close) + "?"
    return nearest(key, [k for k in known if "." not in k])


def flat_items(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key of `content`, dotted, with its value; mappings before what is in them."""
    for name, value in content.items():
        yield f"{prefix}{name}", value
        if isinstance(value, Mapping):
            yield from flat_items(value, f"{prefix}{name}.")
