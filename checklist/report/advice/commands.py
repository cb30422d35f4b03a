"""Commands that go on from a report, as lines that can be pasted."""

from __future__ import annotations

from collections.abc import Sequence

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.planning.again import enough_seeds, same_rows
from darkmagic.checklist.report.screened import larger
from darkmagic.text import shell_line

__all__ = ["checklist_command", "error_bars", "larger_screen", "of_a_command"]


def checklist_command(name: str, overrides: Sequence[str]) -> str:
    """Return the line that asks for a command of `darkmagic checklist`.

    >>> checklist_command("run", ["dataset=digits", "seeds=+3"])
    'darkmagic checklist run dataset=digits seeds=+3'
    """
    return shell_line(["darkmagic", "checklist", name, *overrides])


def error_bars(comparison: Comparison, overrides: Sequence[str]) -> str:
    """Return the command that trains single runs often enough to tell them from luck."""
    seeds = f"seeds={enough_seeds(comparison)}"
    return checklist_command("run", [*overrides, seeds, *same_rows(comparison)])


def larger_screen(screen: Screened, overrides: Sequence[str]) -> str:
    """Return the command that gives a screen more runs; empty if it cannot have more."""
    others = [o for o in overrides if not o.startswith(("runs=", "design="))]
    size = larger(screen)
    return checklist_command("run", [*others, "design=screen", *size]) if size else ""


def of_a_command(overrides: Sequence[str]) -> bool:
    """Whether a command of the user's was trained, which has no test set of ours to confirm on."""
    return any(override.startswith("trainer=") for override in overrides)
