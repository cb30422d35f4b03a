"""Which parts of a recipe carry its gain: each left out, and each added to the ones before.

The ablation is an ordinary comparison whose baseline is the whole recipe: a row leaves one part
out, and its verdict is about that. What is worse without a part is what the part carries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.compare.rows import Interval, Row, Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import BASELINE, Checklist, Trial
from darkmagic.checklist.plan import COMBINATION, baseline_choices, expand
from darkmagic.checklist.records import TrialRecord

__all__ = [
    "NONE_OF_IT",
    "Ablation",
    "Part",
    "Role",
    "ablate",
    "ablation_checklist",
    "ablation_trials",
]

NONE_OF_IT = "none"
"""In place of an option, of the trial with no part of the recipe: the sweep's own baseline."""


class Role(StrEnum):
    """What a part does in the recipe.

    >>> Role("carries the gain") is Role.CARRIES
    True
    """

    CARRIES = "carries the gain"  # without it the recipe is worse
    HURTS = "takes from the gain"  # without it the recipe is better
    RIDES = (
        "rides along"  # without it the recipe is the same, within the smallest effect that matters
    )
    UNDECIDED = "not decided"
    UNKNOWN = "no result"


ROLES = {
    Verdict.WORSE: Role.CARRIES,
    Verdict.BETTER: Role.HURTS,
    Verdict.NO_PRACTICAL_DIFFERENCE: Role.RIDES,
    Verdict.INERT: Role.RIDES,
    Verdict.UNDECIDED: Role.UNDECIDED,
    Verdict.NOT_TESTED: Role.UNDECIDED,
}


@dataclass(frozen=True)
class Part:
    """A part of a recipe: `option` of `trick`, in place of `instead`, the baseline's.

    `gain` is what it adds to the recipe, above 0 where it is better with it, in the unit of the
    metric's differences: what leaving it out costs. `interval`, of gains too, holds
    together with those of the other parts, and `p_value` is adjusted for them.

    >>> Part("mixup", "on", "off", Role.CARRIES, gain=0.4).name
    'mixup=on'
    """

    trick: str
    option: str
    instead: str
    role: Role
    gain: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """`trick=option`."""
        return f"{self.trick}={self.option}"


@dataclass(frozen=True)
class Ablation:
    """The parts of `recipe`, the most important first, and the gain of the whole.

    `comparison` has the whole recipe as its baseline, and a row a part that is left out.
    """

    recipe: Mapping[str, str]
    parts: tuple[Part, ...]
    whole: Part
    comparison: Comparison

    @property
    def order(self) -> list[str]:
        """The tricks in the order in which they are added one by one, the largest gain first."""
        return [part.trick for part in self.parts]

    @property
    def sentences(self) -> list[str]:
        """What came of it, in plain English."""
        if not self.comparison.baseline.accuracies:
            return ["The recipe has no result, so that nothing can be said of its parts."]
        lines = []
        if self.whole.gain is not None:
            metric, spread = self.comparison.metric, self.whole.interval
            told = metric.told((spread.low, spread.high) if spread else None)
            gained = metric.gained(self.whole.gain) + (f" ({told})" if told else "")
            lines.append(f"The whole recipe {gained}.")
        lines += [
            f"{said}: {', '.join(names)}."
            for role, said in SAID.items()
            if (names := [part.name for part in self.parts if part.role is role])
        ]
        if not any(part.role is Role.CARRIES for part in self.parts):
            lines.append("No single part is proved to carry the gain: more seeds may tell.")
        return lines


SAID = {
    Role.CARRIES: "Carry the gain, as the recipe is worse without each of them",
    Role.HURTS: "Take from it, as the recipe is better without: leave out",
    Role.RIDES: "Ride along, as leaving each out changes less than matters: keep by cost or taste",
    Role.UNDECIDED: "Not decided",
    Role.UNKNOWN: "Without a result",
}


def ablation_checklist(checklist: Checklist, recipe: Mapping[str, str]) -> Checklist:
    """Return the checklist whose baseline is `recipe` and whose rows leave one part of it out.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> mine = Checklist("mine", (Trick("mixup", "s", ("off", "on")),))
    >>> ablation_checklist(mine, {"mixup": "on"}).tricks[0].options
    ('on', 'off')
    """
    tricks = [
        dataclasses.replace(
            trick,
            options=(recipe[trick.name], trick.options[0])
            if trick.name in recipe
            else trick.options[:1],
            vanilla=None,
            retune={},
        )
        for trick in checklist.tricks
    ]
    return Checklist(checklist.name, tuple(tricks))


def ablation_trials(
    checklist: Checklist, recipe: Mapping[str, str], seeds: Sequence[int]
) -> list[Trial]:
    """Return for each seed the whole recipe, it without each part, and the sweep's baseline.

    Of a recipe of one part, what is without it is the baseline.
    """
    ablated = ablation_checklist(checklist, recipe)
    rows = [BASELINE, *(f"{name}={checklist.trick(name).options[0]}" for name in recipe)]
    trials = expand(ablated, dict.fromkeys(rows, seeds))
    if len(recipe) == 1:
        return trials
    own = baseline_choices(checklist)
    return [*trials, *(Trial(COMBINATION, NONE_OF_IT, "", seed, own) for seed in seeds)]


def ablate(
    checklist: Checklist,
    recipe: Mapping[str, str],
    records: Sequence[TrialRecord],
    rules: Rules | None = None,
) -> Ablation:
    """Return what each part of `recipe` does in it, by `records` of `ablation_trials`.

    `checklist` has the sweep's baseline options first.
    """
    rules = dataclasses.replace(rules or Rules(), race=False)
    comparison = compare(ablation_checklist(checklist, recipe), records, rules)
    rows = {row.name: row for row in comparison.tricks}
    parts = []
    for trick, option in recipe.items():
        instead = checklist.trick(trick).options[0]
        row = rows.get(f"{trick}={instead}")
        parts.append(_part(trick, option, instead, row, comparison.metric))
    whole = parts[0]
    if len(parts) > 1:
        row = rows.get(f"{COMBINATION}={NONE_OF_IT}")
        whole = _part(COMBINATION, "all", NONE_OF_IT, row, comparison.metric)
    ordered = sorted(parts, key=lambda part: (part.gain is None, -(part.gain or 0.0)))
    return Ablation(dict(recipe), tuple(ordered), whole, comparison)


def _part(trick: str, option: str, instead: str, row: Row | None, metric: Metric) -> Part:
    if row is None:
        return Part(trick, option, instead, Role.UNKNOWN)
    # The row is the recipe without the part: what it loses is the part's gain.
    ends = (
        [metric.gain(-end) for end in (row.interval.low, row.interval.high)] if row.interval else []
    )
    return Part(
        trick,
        option,
        instead,
        ROLES.get(row.verdict, Role.UNKNOWN),
        gain=None if row.difference is None else metric.gain(-row.difference),
        interval=Interval(*sorted(ends)) if ends else None,
        p_value=row.p_value,
        reason=row.reason,
    )
