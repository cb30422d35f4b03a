"""Dotted keys of a configuration."""

from __future__ import annotations

from omegaconf import OmegaConf

from darkmagic.sweeps.compose.config_keys import has_key, nearest_keys

CONFIG = OmegaConf.create({"lr": None, "b": {"root": "???", "alpha": "${b.root}"}})


def test_null_missing_and_interpolated_values_are_keys() -> None:
    """A key whose value is null, ??? or an interpolation is a key all the same."""
    assert all(has_key(CONFIG, key) for key in ("lr", "b", "b.root", "b.alpha"))
    assert not any(has_key(CONFIG, key) for key in ("c", "lr.b", "b.root.d", "b.c"))


def test_near_keys_are_found_by_their_last_part() -> None:
    """A misspelt key is compared with the last part of each, whatever its value."""
    assert nearest_keys("alpa", CONFIG) == "did you mean b.alpha?"
    assert nearest_keys("zz", CONFIG) == "choose from: b, lr"
