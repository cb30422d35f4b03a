"""One generator a purpose, so that switching one trick on does not shift another's draws."""

from __future__ import annotations

import hashlib

import torch

__all__ = ["derive_seed", "generator"]


def derive_seed(seed: int, *purpose: object) -> int:
    """Return a 63-bit seed that depends on `seed` and on every part of `purpose`."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object) -> torch.Generator:
    """Return a CPU generator for `purpose`, e.g. `generator(0, "shuffle", epoch)`.

    Draws are made on the CPU on every device: they cost no synchronisation and are the
    same everywhere. Naming the epoch makes resuming need no generator state.
    """
    rng = torch.Generator()
    rng.manual_seed(derive_seed(seed, *purpose))
    return rng
