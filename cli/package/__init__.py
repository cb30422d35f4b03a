"""Which training tricks would help your model? Checklist testing of deep-learning recipes.

Public names are in four packages: `darkmagic.checklist` (checklists, their trials and the
comparison), `darkmagic.trainers` (one recipe trained), `darkmagic.sweeps` (many trials, and their
report) and `darkmagic.cli` (the command `darkmagic`).
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__: str
"""The installed version, such as "0.1.0"."""


def __getattr__(name: str) -> str:
    """Return the version of the installed distribution: reading it takes 20 ms, so it waits."""
    if name == "__version__":
        from importlib.metadata import version

        return version("darkmagic")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the package, its version included."""
    return sorted({*globals(), *__all__})
