"""Recipes confirmed, taken apart and tuned by any metric: numbers, signs and words agree."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.confirmation import confirm
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.plan import baseline_choices, expand
from darkmagic.checklist.planning.retune import pick
from darkmagic.checklist.recipes.ablation import Role, ablate, ablation_trials
from darkmagic.checklist.recipes.path import path_steps, path_trials
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.advice.advise import advise
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.sweeps.track.rules import METRICS

MINE = Checklist(
    "mine",
    (
        Trick("mixup", "s", ("off", "on")),
        Trick("ema", "s", ("off", "on")),
        Trick("stem", "s", ("relu", "swish")),
    ),
)
RECIPE = {"mixup": "on", "ema": "on", "stem": "swish"}
GAINS = {"mixup=on": 2.0, "ema=on": 1.0, "stem=swish": -3.0}
"""In hundredths of a metric's raw value, above 0 where it is better, whichever way that is."""
EVERY = [pytest.param(metric, id=name) for name, metric in METRICS.items()]


def _level(choices: dict[str, str] | object) -> float:
    return sum(GAINS.get(f"{t}={o}", 0.0) for t, o in dict(choices).items())  # type: ignore[call-overload]


def _trained(
    trials: Sequence[Trial], metric: Metric, *, spread: float = 0.0002
) -> list[TrialRecord]:
    """Return runs in which each option gains its share: of a loss, by being lower.

    The accuracy of a run that another metric decides says the opposite, so that whoever reads it
    is found out.
    """
    rng = np.random.default_rng(0)
    found = []
    for trial in trials:
        better = _level(trial.choices) / 100 + spread * rng.normal()
        value, opposite = 0.5 + metric.sign * better, 0.5 - better
        record = TrialRecord(
            trial.trick, trial.option, trial.section, trial.seed, Status.FINISHED, images=10_000
        )
        own = (
            {"accuracy": value, "test_accuracy": value}
            if metric.is_accuracy
            else {"accuracy": opposite, "value": value}
            | {"test_accuracy": opposite, "test_value": value}
        )
        found.append(dataclasses.replace(record, **own))
    return found


def _raw(metric: Metric, gain: float) -> float:
    """Return a gain in hundredths as a difference in the metric's unit and direction."""
    return metric.gain(metric.scale * gain / 100)


@pytest.mark.parametrize("metric", EVERY)
def test_sweep_adopts_what_is_better_and_says_by_how_much(metric: Metric) -> None:
    """Winners are what gains; a difference has the metric's sign, and a lower loss is better."""
    rows = {name: range(5) for name in ("baseline", *GAINS)}
    found = compare(MINE, _trained(expand(MINE, rows), metric), Rules(metric=metric))
    assert winners(found) == {"mixup": "on", "ema": "on"}
    for row in found.tricks:
        assert row.difference == pytest.approx(_raw(metric, GAINS[row.name]), rel=0.05)
        assert row.verdict is (Verdict.BETTER if GAINS[row.name] > 0 else Verdict.WORSE)
    text = " ".join(advise(found, [f"metric={metric.name}"]).sentences)
    sign = "+" if metric.sign > 0 else "-"
    assert f"Adopt mixup=on ({sign}" in text
    against = "-" if metric.sign > 0 else "+"
    assert f"Keep the baseline's choice instead of stem=swish ({against}" in text


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize("where", ["test", "validation"])
def test_confirmation_gains_where_it_is_better(metric: Metric, where: str) -> None:
    """What is better is confirmed whichever way that is, and what is worse is not."""
    for recipe, confirmed in (({"mixup": "on", "ema": "on"}, True), ({"stem": "swish"}, False)):
        own = {**baseline_choices(MINE), **recipe}
        trials = [Trial(None, None, "", seed, baseline_choices(MINE)) for seed in range(5)]
        trials += [Trial("combination", "all", "", seed, own) for seed in range(5)]
        for name in recipe.items():
            alone = {**baseline_choices(MINE), **dict([name])}
            trials += [Trial(*name, "", seed, alone) for seed in range(5) if len(recipe) > 1]
        sweep = compare(MINE, [], Rules(metric=metric))
        found = confirm(recipe, _trained(trials, metric), sweep, where=where)
        assert bool(found.recipe) is confirmed
        assert found.test is not None
        gain = metric.scale * _level(recipe) / 100
        assert found.test.difference == pytest.approx(gain, rel=0.05)
        text = " ".join(found.sentences)
        assert ("not confirmed" in text) is not confirmed
        shown = metric.amount(metric.gain(found.test.difference), sign=True)
        verb = "gains" if metric.sign > 0 else "changes cross-entropy by"
        assert f"The combination {verb} {shown} on the {where} set (" in text
        assert ("lower is better" in text) is (metric.sign < 0)
        if len(recipe) > 1:
            assert "they add up" in text
            assert found.parts is not None
            assert f"its parts sum to {metric.change(found.parts.difference)}," in text


@pytest.mark.parametrize("metric", EVERY)
def test_ablation_and_path_agree_with_what_the_parts_do(metric: Metric) -> None:
    """A part carries the gain if the recipe is worse without it; the largest is first."""
    rules = Rules(metric=metric)
    found = ablate(MINE, RECIPE, _trained(ablation_trials(MINE, RECIPE, range(5)), metric), rules)
    roles = {part.name: part.role for part in found.parts}
    assert roles == {name: Role.CARRIES if gain > 0 else Role.HURTS for name, gain in GAINS.items()}
    assert found.order == ["mixup", "ema", "stem"]
    for part in found.parts:
        assert part.gain == pytest.approx(metric.scale * GAINS[part.name] / 100, rel=0.05)
        assert part.interval is not None
        assert part.interval.low <= part.gain <= part.interval.high
    first = found.sentences[0]
    assert found.whole.gain is not None
    whole = metric.amount(metric.gain(found.whole.gain), sign=True)
    verb = "gains" if metric.sign > 0 else "changes cross-entropy by"
    assert first.startswith(f"The whole recipe {verb} {whole} (")
    assert ("lower is better" in first) is (metric.sign < 0)
    steps = path_steps(
        RECIPE,
        found.order,
        _trained(path_trials(MINE, RECIPE, found.order, range(5)), metric),
        rules,
    )
    assert [step.adds for step in steps] == ["", "adds to it", "adds to it", "takes from it"]
    values = [step.accuracy for step in steps if step.accuracy is not None]
    assert values[0] == pytest.approx(metric.scale * 0.5, rel=0.01)
    for step, (before, after) in zip(steps[1:], itertools.pairwise(values), strict=True):
        assert step.gain == pytest.approx(metric.gain(after - before), rel=0.05)


@pytest.mark.parametrize("metric", EVERY)
def test_rates_are_picked_by_the_metric_that_decides(metric: Metric) -> None:
    """Of a loss the lowest is picked, though the accuracies say otherwise."""
    tries = []
    for rate, better in ((1.0, 0.0), (3.0, 0.02), (1 / 3, -0.02)):
        value, opposite = 0.5 + metric.sign * better, 0.5 - better
        own = {"accuracy": value} if metric.is_accuracy else {"accuracy": opposite, "value": value}
        tries.append(
            TrialRecord(None, None, "", 0, Status.FINISHED, rates={"lr": rate}, **own)  # type: ignore[arg-type]
        )
    assert pick(["baseline"], tries, metric=metric) == {"baseline": {"lr": 3.0}}


def test_every_metric_but_accuracy_is_read_from_its_own_value() -> None:
    """The table above has accuracy, others that are maximised, and one that is minimised."""
    assert METRICS["accuracy"] is ACCURACY
    assert {metric.sign for metric in METRICS.values()} == {1, -1}
