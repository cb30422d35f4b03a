"""The last step: the winners together, against the baseline, on the test set and fresh seeds.

Verdicts pick what looked best on the validation set, so their differences flatter. And tricks
that help alone need not help together: the article assumes that their effects add up. One
confirmation answers both, the second by comparing the combination with the sum of its parts on
the same fresh seeds: the sweep's own estimates of its winners are too high, because they won.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.plan import SEEN
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.runs.fate import Fate, prediction_fate, seeds_that_tell
from darkmagic.checklist.runs.fresh import contrast_of, effects_of, leads, values_of
from darkmagic.checklist.runs.looks import is_claim, level_of_look, over_looks, up_to
from darkmagic.checklist.stats.alpha_spending import ALPHA
from darkmagic.checklist.stats.effects import Effect
from darkmagic.checklist.stats.posterior import estimate_posterior

__all__ = ["Confirmation", "confirm"]


@dataclass(frozen=True)
class Confirmation:
    """`test` is what the combination gains over the baseline, in the unit of `metric`'s
    differences.

    `parts` is the sum of its options' gains on the validation set, and `shortfall` the combination
    minus that; None where one of them is not known. `fresh` says that the options were trained
    alone on the same seeds; otherwise their sum is the sweep's, drawn towards 0. `baseline` and
    `combined` are values of the test set, in the metric's unit, by seed. `seen` are the options of
    the best recipe that the sweep has trained, `seen_runs` and `seen_test` what it gives here;
    `seen_leads` says that it gains more on validation. `where` is the split that `test` is of.
    `predicted` is the gain that the sweep led to expect; None where it expected nothing of it.
    `looks` counts the times that fresh seeds were added and looked at; `test` and `seen_test` are
    as `test_look` and `seen_look` saw them.
    """

    combination: Mapping[str, str]
    baseline: Mapping[int, float]
    combined: Mapping[int, float]
    test: Effect | None
    parts: Effect | None
    shortfall: Effect | None
    fresh: bool
    failed: tuple[str, ...]
    seen: Mapping[str, str] = field(default_factory=dict)
    seen_runs: Mapping[int, float] = field(default_factory=dict)
    seen_test: Effect | None = None
    seen_leads: bool = False
    metric: Metric = ACCURACY
    where: str = "test"
    predicted: float | None = None
    looks: int = 1
    test_look: int = 1
    seen_look: int = 1

    @property
    def level(self) -> float:
        """The error rate of the test of the combination, and of its interval."""
        return self.level_of(self.test_look)

    def level_of(self, look: int) -> float:
        """Return the error rate that each recipe is tested at: they and all looks share 5 %."""
        return level_of_look(look, len(self._recipes))

    @property
    def _recipes(self) -> tuple[Mapping[str, str], ...]:
        return tuple(options for options in (self.combination, self.seen) if options)

    @property
    def recipe(self) -> Mapping[str, str]:
        """The options that came out of it; empty if the baseline is to be kept.

        The recipe that gains more on the validation set, if it is confirmed on the test set, or
        else the other one if that is.
        """
        found = [
            (self.combination, self.test, self.test_look),
            (self.seen, self.seen_test, self.seen_look),
        ]
        ordered = found[::-1] if self.seen_leads else found
        proved = (o for o, test, look in ordered if o and self._proved(test, look))
        return next(proved, {})

    def _proved(self, test: Effect | None, look: int) -> bool:
        return is_claim(test, self.level_of(look)) and test is not None and test.difference > 0

    @property
    def sentences(self) -> list[str]:
        """What came of it, in plain English."""
        lines = list(self.failed)
        if self.test is None:
            return [*lines, "Nothing is confirmed: a recipe has no result."]
        lines.append(self._gain("The combination", self.test, self.test_look))
        if len(self.combination) > 1:
            lines.append(self._independence())
        if self.seen:
            whose = f"The best recipe seen ({_named(self.seen)})"
            lines += [self._gain(whose, self.seen_test, self.seen_look), self._outcome()]
        if self.looks > 1:
            spent = f"{100 * self.level_of(self.looks):.2g} %"
            lines.append(
                f"Seeds were added after a look, {self.looks} looks in all: this one may err in "
                f"{spent} of cases, so that all of them stay within 5 % together."
            )
        return lines

    def _gain(self, whose: str, test: Effect | None, look: int) -> str:
        if test is None:
            return f"{whose} has no result."
        gain = f"{whose} {self.metric.gained(test.difference)} on the {self.where} set"
        interval = test.interval(1 - self.level_of(look))
        if interval is None:
            return f"{gain}; one run has no error bar."
        sure = "confirmed" if self._proved(test, look) else "not confirmed"
        sure += f" at look {look}, whose figures these are" if look < self.looks else ""
        return f"{gain} ({self.metric.told(interval)}): {sure}."

    def _outcome(self) -> str:
        """Say whether the prediction held, and what to take if it did not."""
        if self.recipe == self.combination:
            return "The prediction holds: take the combination."
        fate = prediction_fate(self.test, self.predicted, self.level)
        if self.recipe:
            why = "gains more on fresh seeds" if self.seen_leads else "is confirmed and it is not"
            but = ", but" if fate is Fate.HOLDS else ":"
            return f"The prediction {fate}{but} the best recipe seen {why}, so fall back on that."
        if fate is Fate.FAILED:
            return "The prediction failed: neither recipe is proved better, so keep the baseline."
        runs = len(self.baseline), len(self.combined)
        next_level = self.level_of(self.looks + 1)
        more = seeds_that_tell(self.test, runs, self.predicted, next_level, self.metric)
        so_far = "neither recipe is proved better, and the runs do not exclude what was expected"
        return f"The prediction {fate}: {so_far}. Keep the baseline meanwhile. {more}"

    def _independence(self) -> str:
        shortfall, parts = self.shortfall, self.parts
        if shortfall is None or parts is None:
            return "The sum of its parts is not known, so independence could not be tested."
        whose = "" if self.fresh else ", by the sweep's estimates drawn towards 0,"
        summed = self.metric.change(parts.difference)
        together = f"On the validation set its parts{whose} sum to {summed}"
        if shortfall.p_value is None or (interval := shortfall.interval()) is None:
            return f"{together}; without error bars, independence could not be tested."
        span = f"({self.metric.span(*interval)})"
        if shortfall.p_value >= ALPHA:
            return (
                f"{together}, and it is {self.metric.change(shortfall.difference)} {span} from "
                "that: they add up, as far as can be seen."
            )
        relation = "less" if shortfall.difference < 0 else "more"
        return (
            f"{together}: together they gain {self.metric.amount(abs(shortfall.difference))} "
            f"{relation} {span}. Their effects are not independent."
        )


def confirm(
    combination: Mapping[str, str],
    records: Sequence[TrialRecord],
    sweep: Comparison,
    seen: Mapping[str, str] | None = None,
    where: str = "test",
) -> Confirmation:
    """Compare the combination with the baseline, with its parts and with the best recipe `seen`.

    `records` are of them, on fresh seeds; those of options alone may be missing. Recipes are
    confirmed on the test set, or else `where`: the validation set.
    """
    names = [BASELINE, *(f"{trick}={option}" for trick, option in combination.items())]
    done = [record for record in records if record.status is Status.FINISHED]
    groups = {name: [r for r in done if r.name == name] for name in names}
    apart = [r for r in done if r.trick == SEEN]
    together = [r for r in done if r.trick is not None and r.trick != SEEN and r.name not in names]
    recipes = [groups[BASELINE], together, *(groups[name] for name in names[1:])]
    fresh = len(combination) > 1 and all(recipes[2:])
    place = len(recipes)  # of the best recipe seen, which may be one of the parts
    if not apart and _named(seen or {}) in names:
        place = names.index(_named(seen or {})) + 1
    metric, overlap = sweep.metric, sweep.rules.overlap
    validation = values_of([*recipes, apart], lambda record: record.result(metric))
    test = validation
    if where == "test":
        test = values_of([*recipes, apart], lambda record: record.test_result(metric))
    gains = effects_of(validation, metric, overlap)
    looks = max((record.look for record in done), default=1)
    at_looks = [effects_of(up_to(test, records, n), metric, overlap) for n in range(1, looks + 1)]
    alone = len([options for options in (combination, seen) if options])
    (judged, test_look), (seen_judged, seen_look) = (
        over_looks([effects.by_trial.get(number) for effects in at_looks], alone)
        for number in (1, place)
    )
    options = range(2, len(recipes))
    if len(combination) == 1:
        parts = shortfall = None
    elif fresh:
        parts = contrast_of(gains, dict.fromkeys(options, 1.0))
        shortfall = contrast_of(gains, {1: 1.0, **dict.fromkeys(options, -1.0)})
    else:
        parts, whole = _shrunken_parts(names[1:], sweep), gains.by_trial.get(1)
        shortfall = whole.minus(parts) if whole is not None and parts is not None else None
    return Confirmation(
        combination=dict(combination),
        baseline=test[0],
        combined=test[1],
        test=judged,
        seen=dict(seen or {}),
        seen_runs=test[place],
        seen_test=seen_judged,
        seen_leads=leads(gains, place),
        parts=parts,
        shortfall=shortfall,
        fresh=fresh,
        failed=tuple(
            f"{record.name} seed {record.seed} {record.status}: {record.reason}."
            for record in records
            if record.status is not Status.FINISHED
        ),
        metric=metric,
        where=where,
        predicted=_predicted_gain(combination, sweep),
        looks=looks,
        test_look=test_look,
        seen_look=seen_look,
    )


def _predicted_gain(combination: Mapping[str, str], sweep: Comparison) -> float | None:
    """Return what the sweep led to expect of the combination, drawn towards 0."""
    best = sweep.screen.prediction if sweep.screen is not None else None
    if best is not None and dict(best.choices) == dict(combination):
        return best.gain
    parts = _shrunken_parts([f"{t}={o}" for t, o in combination.items()], sweep)
    return None if parts is None else parts.difference


def _named(options: Mapping[str, str]) -> str:
    return ", ".join(f"{trick}={option}" for trick, option in options.items())


def _shrunken_parts(names: Sequence[str], sweep: Comparison) -> Effect | None:
    """Return the sum of what the options probably do, given the sweep that chose them."""
    indices = {row.name: index for index, row in enumerate(sweep.rows)}
    posterior = estimate_posterior(sweep.effects)
    if posterior is None:
        return None
    drawn = [posterior.of(indices.get(name, 0)) for name in names]
    known = [draws for draws in drawn if draws is not None]
    if len(known) < len(names):
        return None
    total = np.sum(known, axis=0)
    return Effect(float(total.mean()), float(total.std()), max(float(sweep.effects.df), 1.0))
