"""What a reader of a screen must know: what a difference means, what may hide in it, what next."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from darkmagic.checklist.designs.crossed.prediction import Prediction
from darkmagic.checklist.designs.findings import SUSPICIOUS
from darkmagic.checklist.designs.screen import MAX_RUNS
from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import RATE_TRICK, SCREEN
from darkmagic.checklist.report.formatting import p_value
from darkmagic.checklist.report.notes.mixtures import how_ended, missing_notes, shown_choices

if TYPE_CHECKING:
    from darkmagic.checklist.compare.comparison import Comparison

__all__ = ["larger", "predicted", "screen_notes", "screen_trials", "take"]

MAX_ALIASES = 3
MORE_RUNS = 1.5
"""Times the runs of a screen: what is advised where more are needed."""
MIN_DF = 5
"""Degrees of freedom below which the spread is so poorly known that intervals are very wide."""


def screen_notes(comparison: Comparison, screen: Screened, *, ours: bool = True) -> Iterator[str]:
    """Yield the notes on a screen's runs, effects and residuals.

    `ours` is False of runs that were made elsewhere, of which no option of ours makes more.
    """
    runs = len(screen.runs(None))
    yield (
        f"A screen: {runs} runs with a result, each of which mixes options of all tricks. A "
        "difference is from the baseline's option of the same trick, and it is the average over "
        "the other options, not the effect at the baseline's: where tricks interact the two "
        f"differ. {comparison.metric.head} is the mean of the runs that have the option, whatever "
        "else they have; costs are averages over the other options too."
    )
    if screen.rates:
        base = screen.baseline
        at = [f"{t}={o} at {rate}" for (t, o), rate in screen.rates.items()]
        rated = list(dict.fromkeys(trick for trick, _ in screen.rates))
        names = ", ".join(rated)
        yield (
            f"Rates: options of {names} are told apart at each rate, and each is compared at its "
            f"best with the baseline's at its own best ({', '.join(at)}). Rows of {RATE_TRICK} are "
            f"at the baseline's {', '.join(f'{t}={base[t]}' for t in rated)}."
        )
    yield from missing_notes(screen)
    more = " (a larger runs=)" if ours else ""
    yield from _freedom(comparison, screen, more)
    if comparison.unlearnt is None:  # luck alone is in the residuals of runs that learnt nothing
        yield from _residuals(screen)
        yield from _aliases(comparison, screen)


def _freedom(comparison: Comparison, screen: Screened, more: str) -> Iterator[str]:
    fit = screen.fit
    if fit is None:
        return
    lost = ["=".join(o) for o, known in zip(fit.options, fit.estimable, strict=True) if not known]
    if lost:
        yield (f"These runs cannot tell {', '.join(lost)} from other options: more runs do{more}.")
    if not fit.df:
        yield (
            "There are as many effects as runs, so that nothing tells the spread of runs: there "
            f"are no intervals and no verdicts. A few more runs give both{more}."
        )
    elif fit.df < MIN_DF and comparison.effects.spread is not None:
        yield (
            f"The spread has {fit.df} degrees of freedom only, which makes intervals wide: a few "
            "more runs narrow all of them."
        )


def _residuals(screen: Screened) -> Iterator[str]:
    if screen.outlier is not None:
        name, gain = screen.outlier
        side = "above" if screen.metric.gain(gain) > 0 else "below"
        yield (
            f"{name} is {screen.metric.amount(abs(gain))} {side} what its options add up to, far "
            f"more than the others: see its log ({shown_choices(screen, name)})."
        )
    for tricks in screen.separated:
        yield _separated(screen, tricks)
    suspect = screen.suspect
    if suspect is None or not suspect.told:
        if screen.fit is not None and screen.fit.df:
            yield "Whether options simply add up cannot be checked with so few runs."
        return
    first, second = suspect.tricks
    if suspect.stands_out:
        yield (
            f"Lack of fit: {first} and {second} do not simply add up ({_p(suspect.p_value)} "
            f"for the best of {suspect.tried} pairs). What each does depends on the other's "
            "option: compare the two together before adopting either."
        )
    else:
        yield (
            f"No lack of fit is seen: of {suspect.tried} pairs of tricks none explains the "
            f"residuals better than luck would (the nearest is {first} with {second}). So few "
            "runs see only large interactions."
        )


def _separated(screen: Screened, tricks: tuple[str, str]) -> str:
    """Say what two tricks do together beyond their sum, which runs of their own tell."""
    from darkmagic.checklist.designs.crossed.pairs import separated_p, togethers

    fit = screen.fit
    p = separated_p(fit, tricks) if fit is not None else None
    first, second = tricks
    if fit is None or p is None:
        return (
            f"{first} and {second} cannot be told apart yet: too few of their runs have a result."
        )
    metric = screen.metric
    parts = [
        f"{'='.join(each.pair[0])} with {'='.join(each.pair[1])} {metric.change(each.points)}"
        + (f" (±{metric.value(each.error)})" if each.error is not None else "")
        for each in togethers(fit, tricks)
    ]
    proved = "do not simply add up" if p < SUSPICIOUS else "add up, as far as can be seen"
    return (
        f"{first} and {second} were told apart: they {proved} ({_p(p)}, adjusted for the pairs "
        "that they were chosen from). Beyond the sum of what each does at the other's baseline: "
        f"{'; '.join(parts)}."
    )


def _p(value: float) -> str:
    shown = p_value(value)
    return f"p {shown.replace('<', '< ')}" if shown.startswith("<") else f"p = {shown}"


def _aliases(comparison: Comparison, screen: Screened) -> Iterator[str]:
    """Name what the largest effects could be instead."""
    size = {row.name: abs(row.difference or 0.0) for row in comparison.tricks}
    found = sorted(screen.aliases, key=lambda alias: -size.get("=".join(alias.option), 0.0))
    texts = [
        f"{'='.join(alias.option)} ({alias.share:+.2f} of what {'='.join(alias.pair[0])} and "
        f"{'='.join(alias.pair[1])} do beyond their sum)"
        for alias in found[:MAX_ALIASES]
    ]
    if texts:
        yield (
            "If pairs interact, effects are off by a share of it; the largest effects, with the "
            f"pair that each is most aliased with: {'; '.join(texts)}."
        )


def screen_trials(comparison: Comparison) -> dict[str, str]:
    """Return what each trial of a screen had and gave, by its name; empty without a screen."""
    screen = comparison.screen
    if screen is None:
        return {}
    several = len({record.seed for record in screen.records}) > 1
    found = {}
    for record in screen.records:
        if record.trick != SCREEN:
            continue
        seed = f", seed {record.seed}" if several else ""
        result, metric = record.result(screen.metric), screen.metric
        shown = (
            f"{metric.value(result)} {metric.unit}".rstrip()
            if result is not None
            else how_ended(record)
        )
        found[record.name] = f"{shown}{seed}: {shown_choices(screen, record.name)}"
    return found


def predicted(best: Prediction, metric: Metric) -> str:
    """Return the sentence on the recipe that is predicted to be best."""
    names = ", ".join(f"{trick}={option}" for trick, option in best.choices.items())
    gain = metric.amount(metric.gain(best.gain), sign=True)
    return (
        f"Predicted to be best: {names}. Expect {gain} on the baseline "
        f"({metric.span(best.low, best.high)}), already drawn towards 0. This is a prediction, "
        "no result: no such run may have been trained, and only fresh seeds show what it gives."
    )


def take(best: Prediction) -> Sequence[str]:
    """Return the options of `confirm` that train the predicted recipe."""
    return [word for choice in best.choices.items() for word in ("--take", "=".join(choice))]


def larger(screen: Screened) -> list[str]:
    """Return the overrides of a screen with half as many runs again; none where that is too large.

    A seed has as many different trials as there are combinations of options: more runs than that
    are of more seeds.
    """
    runs = min(math.ceil(MORE_RUNS * len(screen.records)), MAX_RUNS)
    if runs <= len(screen.records):
        return []
    more = Counter(trick for trick, _ in screen.options)  # than the baseline's option
    different = math.prod(1 + count for count in more.values())
    used = len({record.seed for record in screen.records})
    seeds = max(used, math.ceil(runs / different))
    return [f"runs={runs}", *([f"seeds={seeds}"] if seeds > 1 else [])]
