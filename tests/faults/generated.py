"""Generated inputs: the same ones in every run, of which one that fails hides no other."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

__all__ = ["Tried", "asked"]

T = TypeVar("T")


def asked(kind: str = "") -> int:
    """Return how many inputs of a kind the environment asks for, 0 where it does not say."""
    return int(os.environ.get(f"DARKMAGIC_GENERATED{kind}", "0"))


class Tried:
    """Inputs that were tried, and what was wrong with each: one does not hide the next."""

    def __init__(self, kind: str, count: int) -> None:
        self._count, self._wrong, self._tried = asked(kind) or count, list[str](), 0

    def each(self, inputs: st.SearchStrategy[T], attempt: Callable[[T], None]) -> None:
        """Try `attempt` with every input, and check that none is wrong."""

        @settings(
            max_examples=self._count,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # to shrink one takes minutes, and they are short
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs)
        def attempt_one(one: T) -> None:
            self._tried += 1
            try:
                attempt(one)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is wrong)
                self._wrong.append(f"{one!r}: {type(error).__name__}: {error}")
            if self._tried % 100 == 0:
                print(f"{self._tried} tried, {len(self._wrong)} wrong", flush=True)

        attempt_one()
        assert self._tried >= self._count / 2  # or else it tried next to nothing
        assert not self._wrong, "\n\n".join(self._wrong)
