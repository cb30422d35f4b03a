"""Dotted keys of a configuration: whether one is there, and which are near it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import nearest

__all__ = ["has_key", "nearest_keys"]


def has_key(config: DictConfig, key: str) -> bool:
    """Return whether `config` has the dotted `key`, whatever its value: null and ??? too."""
    node: Any = OmegaConf.to_container(config, resolve=False)
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def nearest_keys(key: str, config: DictConfig) -> str:
    """Suggest keys, by their last part too: `cycles` is near `tricks.lr_regime.cycles`."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    known = [k for k in _keys(plain) if not k.startswith("hydra")]
    last = {k.rpartition(".")[2]: k for k in sorted(known, key=lambda k: -k.count("."))}
    if close := difflib.get_close_matches(key.rpartition(".")[2], last, n=2, cutoff=0.7):
        return "did you mean " + " or ".join(last[name] for name in close) + "?"
    return nearest(key, [k for k in known if "." not in k])


def _keys(content: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{name}.")
