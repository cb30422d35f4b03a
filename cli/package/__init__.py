"""Which training tricks would help your model? Checklist testing of deep-learning recipes.

Public names are in four packages: `darkmagic.checklist` (checklists, their trials and the
comparison), `darkmagic.trainers` (one recipe trained), `darkmagic.sweeps` (many trials, and their
report) and `darkmagic.cli` (the command `darkmagic`). `darkmagic.judge` gives verdicts on runs that
were made elsewhere.
"""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "judge"]

__version__: str
"""The installed version, such as "0.1.0"."""

LATER = {"judge": "darkmagic.sweeps.sources.judge"}
"""Public functions by the module that defines them, which is imported when they are asked for."""


def __getattr__(name: str) -> Any:
    """Return the version of the installed distribution: reading it takes 20 ms, so it waits."""
    if name in LATER:
        from importlib import import_module

        return getattr(import_module(LATER[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("darkmagic")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the package, its version included."""
    return sorted({*globals(), *__all__})
