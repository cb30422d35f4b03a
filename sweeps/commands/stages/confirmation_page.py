"""What came of a confirmation, as a page of Markdown beside its trials."""

from __future__ import annotations

from collections.abc import Mapping

from darkmagic.checklist.compare.confirmation import Confirmation

__all__ = ["confirmation_page"]


def confirmation_page(experiment: str, found: Confirmation) -> str:
    """Return what came of a confirmation of `experiment`, in Markdown."""
    lines = [f"# {experiment}: confirmation on the {found.where} set", ""]
    recipes = {"combination": found.combination} | ({"best seen": found.seen} if found.seen else {})
    for name, options in recipes.items():
        listed = ", ".join(f"`{trick}={option}`" for trick, option in options.items())
        lines += [f"{name.capitalize()}: {listed}.", ""]
    runs = {"baseline": found.baseline, "combination": found.combined}
    runs |= {"best seen": found.seen_runs} if found.seen else {}
    head = f"{found.where} {found.metric.unit}".strip()
    lines.append("| seed | " + " | ".join(f"{name}, {head}" for name in runs) + " |")
    lines.append("|" + "---:|" * (1 + len(runs)))
    for seed in sorted({seed for each in runs.values() for seed in each}):
        lines.append(
            f"| {seed} | " + " | ".join(_cell(found, each, seed) for each in runs.values()) + " |"
        )
    return "\n".join([*lines, "", *found.sentences]) + "\n"


def _cell(found: Confirmation, values: Mapping[int, float], seed: int) -> str:
    return found.metric.value(values.get(seed))
