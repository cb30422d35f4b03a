"""Which tricks one recipe cannot have together."""

from __future__ import annotations

from collections.abc import Mapping

from darkmagic.trainers.trick import Conflict, Trick

__all__ = ["overrides", "refuse_conflicts"]


def refuse_conflicts(tricks: Mapping[str, Trick]) -> None:
    """Raise `Conflict` with the reason where two of `tricks` cannot be had together."""
    averages = [name for name, trick in tricks.items() if overrides(trick, "average")]
    if len(averages) > 1:
        names = " and ".join(averages)
        raise Conflict(f"{names} each average the weights, and one average is evaluated: keep one")
    for name, trick in tricks.items():
        for other_name, other in tricks.items():
            reason = trick.conflict(other) if other is not trick else None
            if reason is not None:
                raise Conflict(f"{name} conflicts with {other_name}: {reason}")


def overrides(trick: Trick, hook: str) -> bool:
    """Return whether `trick` gives `hook`, rather than the default."""
    return getattr(type(trick), hook) is not getattr(Trick, hook)
