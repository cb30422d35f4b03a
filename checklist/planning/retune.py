"""Which rows are retuned before they are compared, what is tried for each, and what is picked.

A trick that is trained at the rate of another is not compared. So each row that names a rate, and
the baseline, is tried at as many rates, on seeds that no verdict uses, and takes the best.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import BASELINE, RATE_TRICK, Checklist, Trial, rates_needed
from darkmagic.checklist.plan import Retune
from darkmagic.checklist.records import Status, TrialRecord

__all__ = [
    "LADDER",
    "Rates",
    "known_rates",
    "pick",
    "rated",
    "retuned_rows",
    "tries_of",
    "tuning_seeds",
]

Rates = Mapping[str, float]
Key = tuple[tuple[str, float], ...]
LADDER = (1.0, 1 / 3, 3.0)
"""The recipe's own rate first: what changes nothing is found beside it."""
TUNING_SEED = 1_000_000
"""Added to a sweep's first seed: so far are seeds of tries from those of verdicts."""
UNTRIED = (Status.INERT, Status.NOT_APPLICABLE, Status.SKIPPED)
"""The states of a row that is nothing of its own here: it takes the baseline's rate."""


def retuned_rows(checklist: Checklist, mode: Retune) -> dict[str, tuple[str, ...]]:
    """Return what is tuned for each row that needs it, and for the baseline; empty if none does.

    A ladder moves the learning rate alone. The baseline is tuned in all that some row is.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> needs = {"adam": ("lr", "decay")}
    >>> mine = Checklist("mine", (Trick("optimizer", "", ("sgd", "adam"), retune=needs),))
    >>> retuned_rows(mine, Retune.LADDER)
    {'baseline': ('lr',), 'optimizer=adam': ('lr',)}
    """
    needed = rates_needed(checklist)
    if mode is Retune.NONE or not needed:
        return {}
    if any(trick.name == RATE_TRICK for trick in checklist.tricks):
        raise UserError(
            f"retune={mode}: checklist {checklist.name!r} compares {RATE_TRICK} itself; leave that "
            "trick out of it, or write retune=none"
        )
    if mode is Retune.LADDER:
        needed = {name: ("lr",) for name, names in needed.items() if "lr" in names}
    every = dict.fromkeys(n for names in needed.values() for n in names)
    return {BASELINE: tuple(every), **needed} if needed else {}


def tries_of(mode: Retune, tries: int) -> int:
    """Return how many rates each row is tried at."""
    return len(LADDER) if mode is Retune.LADDER else tries


def tuning_seeds(first_seed: int, seeds: int) -> list[int]:
    """Return the seeds on which rates are tried.

    >>> tuning_seeds(0, 2)
    [1000000, 1000001]
    """
    start = first_seed + TUNING_SEED
    return list(range(start, start + seeds))


def known_rates(rows: Iterable[str], records: Sequence[TrialRecord]) -> dict[str, dict[str, float]]:
    """Return the rates at which `records`, of a sweep that exists, have trained `rows`.

    Empty without the baseline's, beside which all others are.
    """
    trained = {record.name: dict(record.rates) for record in records if record.rates}
    return {name: trained[name] for name in rows if name in trained} if BASELINE in trained else {}


def pick(
    rows: Iterable[str],
    records: Sequence[TrialRecord],
    known: Mapping[str, Rates] | None = None,
    metric: Metric = ACCURACY,
) -> dict[str, dict[str, float]]:
    """Return the rates of each of `rows` with the best mean of `metric` in `records`, its tries.

    Those that are `known` are in it too; the baseline is the first of either. Of rates that are as
    good, the nearest to the recipe's own is taken, which is also taken where no try has a result.
    A row that is inert, not applicable or skipped takes the baseline's.

    >>> def tried(rate, accuracy):
    ...     return TrialRecord(
    ...         None, None, "", 0, Status.FINISHED, accuracy=accuracy, rates={"lr": rate}
    ...     )
    >>> pick(["baseline"], [tried(1.0, 0.90), tried(3.0, 0.92)])
    {'baseline': {'lr': 3.0}}
    """
    found = {name: dict(rates) for name, rates in (known or {}).items()}
    for name in rows:
        own = [record for record in records if record.name == name]
        if name != BASELINE and any(record.status in UNTRIED for record in own):
            found[name] = dict(found[BASELINE])
            continue
        by_rates: dict[Key, list[TrialRecord]] = {}
        for record in own:
            by_rates.setdefault(tuple(record.rates.items()), []).append(record)
        ranked = [(_score(tries, metric), _near(rates), rates) for rates, tries in by_rates.items()]
        found[name] = dict(max(ranked)[-1])
    return found


def rated(trial: Trial, picked: Mapping[str, Rates]) -> Trial:
    """Return `trial` with the rates that were `picked` for its row, if it has none of its own.

    One that takes the options of several rows has the baseline's rates, changed by what each of
    those options changed them by, and no further than the rates that were picked for any row: two
    rows at three times the rate are no proof of nine times.

    >>> both = Trial(None, None, "", 0, {"optimizer": "adam", "batch_size": "x2"})
    >>> picked = {"baseline": {"lr": 3.0}, "optimizer=adam": {"lr": 1.0}}
    >>> picked["batch_size=x2"] = {"lr": 9.0}
    >>> rated(both, picked).rates
    {'lr': 3.0}
    >>> rated(both, dict.fromkeys(picked, {"lr": 3.0}) | {"baseline": {"lr": 1.0}}).rates
    {'lr': 3.0}
    """
    if trial.rates or not picked:
        return trial
    names = [f"{trick}={option}" for trick, option in trial.choices.items()]
    own = [picked[name] for name in names if name in picked]
    if len(own) == 1:
        return replace(trial, rates=own[0])
    baseline = picked[BASELINE]
    rates = dict(baseline)
    for each in own:
        for name, factor in each.items():
            rates[name] = rates.get(name, 1.0) * factor / baseline.get(name, 1.0)
    return replace(trial, rates={n: _within(picked, n, rate) for n, rate in rates.items()})


def _within(picked: Mapping[str, Rates], name: str, rate: float) -> float:
    """Return `rate`, or the nearest one between those that were picked under its `name`."""
    known = [own[name] for own in picked.values() if name in own]
    return min(max(rate, min(known)), max(known))


def _score(records: Sequence[TrialRecord], metric: Metric) -> float:
    """Return the mean gain; rates at which a run failed are worse than all others."""
    known = [metric.gain(value) for r in records if (value := r.result(metric)) is not None]
    return statistics.fmean(known) if len(known) == len(records) else -math.inf


def _near(rates: Key) -> float:
    return -sum(abs(math.log(factor)) for _, factor in rates)
