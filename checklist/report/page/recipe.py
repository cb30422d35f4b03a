"""A row as a recipe to take away, and what settings tell two rows apart."""

from __future__ import annotations

import json
from collections.abc import Mapping

from darkmagic.checklist.report.advice.commands import of_a_command
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.checklist.report.content import Report

__all__ = ["adopted", "changed_settings", "recipe_yaml"]

NOT_A_SETTING = ("seed", "runtime.", "tricks.pretrain.weights")
"""Settings that differ between runs of one row, or that cannot change a result."""


def adopted(report: Report) -> dict[str, str]:
    """Return the option of every trick with the proved ones in; empty of what is no recipe of ours.

    >>> from darkmagic.checklist import Checklist, Trick, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> adopted(Report("mine", compare(mine, []), facts={}))
    {'mixup': 'off'}
    """
    if report.overrides is None or of_a_command(report.overrides):
        return {}
    return {**report.comparison.baseline_options, **winners(report.comparison)}


def recipe_yaml(options: Mapping[str, str]) -> str:
    """Return the file that `darkmagic.Recipe.from_yaml` reads, with every option as a text.

    >>> print(recipe_yaml({"mixup": "on", "label_smoothing": "0.1"}))
    tricks:
      mixup: "on"
      label_smoothing: "0.1"
    <BLANKLINE>
    """
    quoted = (f"  {name}: {json.dumps(option)}\n" for name, option in options.items())
    return "tricks:\n" + "".join(quoted)


def changed_settings(report: Report) -> dict[str, dict[str, str]]:
    """Return by row the settings in which it is not as the baseline, whose own have the key "".

    A setting that a row is without has the empty text.
    """
    settings = report.setup.settings
    base = settings.get(report.comparison.baseline.name)
    if base is None:
        return {}
    found: dict[str, dict[str, str]] = {}
    for row in report.comparison.tricks:
        own = settings.get(row.name)
        if own is None:
            continue
        keys = [k for k in dict.fromkeys([*base, *own]) if not k.startswith(NOT_A_SETTING)]
        found[row.name] = {k: own.get(k, "") for k in keys if own.get(k) != base.get(k)}
    named = {key for changes in found.values() for key in changes}
    return {"": {key: base.get(key, "") for key in sorted(named)}, **found}
