"""Former keys of configurations, and what to write in their place."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError

__all__ = ["refuse_moved_keys", "refuse_moved_values"]

MOVED = {
    "clip_grad_norm": "trick/gradient_clipping=on tricks.gradient_clipping.max_norm={value}",
    "ema_decay": "trick/ema=on tricks.ema.decay={value} tricks.ema.warmup=false",
}
"""The overrides that do the same now, to be pasted."""


def refuse_moved_keys(overrides: Sequence[str]) -> None:
    """Raise `UserError`, one line, for one of `overrides` whose key is a trick's now."""
    for override in overrides:
        key, _, value = override.partition("=")
        name = key.lstrip("+~")
        if name not in MOVED:
            continue
        if value in ("", "null", "None"):
            raise UserError(f"{override!r}: {name} is a trick's now, off by default; leave it out")
        instead = MOVED[name].format(value=value)
        raise UserError(f"{override!r}: {name} is a trick's now; write {instead}")


def refuse_moved_values(config: DictConfig) -> None:
    """Raise `UserError`, one line, for such a key in `config`, such as one of a user's own file.

    No code reads the key any more, so it would be ignored silently.
    """
    refuse_moved_keys([f"{key}={config[key]}" for key in MOVED if key in config])
