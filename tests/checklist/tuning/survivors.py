"""Which options of each trick may still be its best: what is worth further runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from darkmagic.checklist.stats.effects import Effects

__all__ = ["ERRORS", "survivors"]

ERRORS = 1.5
"""Standard errors behind its trick's best option by which an option still survives."""


def survivors(
    effects: Effects,
    options: Sequence[tuple[str, str]],
    baseline: Mapping[str, str],
    *,
    errors: float = ERRORS,
) -> dict[str, tuple[str, ...]]:
    """Return the options of each trick within `errors` standard errors of the best of them.

    `options` are the rows of `effects`, the first of which is trial 1; `baseline` has each
    trick's baseline option, whose effect is 0 and which competes too. An option whose effect is
    not known survives. A trick with one survivor is decided.

    >>> from darkmagic.checklist.designs.fit import Mixed, estimate_screen
    >>> mixed = [("off", "off", 90.0), ("on", "off", 91.0), ("off", "on", 90.1), ("on", "on", 90.9)]
    >>> runs = [Mixed("", {"mixup": m, "ema": e}, 0, value) for m, e, value in mixed]
    >>> effects = estimate_screen(runs, [("mixup", "on"), ("ema", "on")])
    >>> survivors(effects, [("mixup", "on"), ("ema", "on")], {"mixup": "off", "ema": "off"})
    {'mixup': ('on',), 'ema': ('off', 'on')}
    """
    covariance = effects.covariance
    place = {trial: index for index, trial in enumerate(effects.trials)}

    def error(one: int, other: int) -> float:
        """Return the standard error of a difference; 0 is the baseline."""
        known = [(place[trial], sign) for trial, sign in ((one, 1), (other, -1)) if trial]
        assert covariance is not None
        return float(np.sqrt(sum(a * b * covariance[i, j] for i, a in known for j, b in known)))

    found = {}
    for trick, first in baseline.items():
        rows = {o: trial for trial, (t, o) in enumerate(options, start=1) if t == trick}
        measured = {first: (0, 0.0)}
        for option, trial in rows.items():
            if covariance is not None and trial in place:
                measured[option] = trial, effects.by_trial[trial].difference
        best, gain = max(measured.values(), key=lambda pair: pair[1])
        found[trick] = tuple(
            option
            for option in (first, *rows)
            if option not in measured
            or measured[option][0] == best
            or gain - measured[option][1] <= errors * error(best, measured[option][0])
        )
    return found
