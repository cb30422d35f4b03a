"""The confirmation of winners on the test set."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.confirmation import confirm
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.runs.fate import seeds_needed
from darkmagic.checklist.stats.effects import Effect
from records import SMALL, record, simulated


def _confirmation(gain: float, parts: dict[str, float]):  # noqa: ANN202
    sweep = compare(SMALL, simulated(SMALL, 5, parts))
    rng = np.random.default_rng(4)
    records = []
    for seed in range(1000, 1005):
        base, noise = 0.9 + rng.normal(0, 0.0005), rng.normal(0, 0.001)
        fresh = {"test_accuracy": base}
        records.append(record("baseline", seed, base, **fresh))
        better = base + gain / 100 + noise
        records.append(record("combination=all", seed, better, test_accuracy=better))
    return confirm({"lr": "cosine", "mixup": "on"}, records, sweep), sweep


def test_combination_that_falls_short_of_its_parts_is_not_independent() -> None:
    """Parts of +1.5 and +2.0 that gain +1 together are confirmed, and called not independent."""
    found, _ = _confirmation(1.0, {"lr=cosine": 1.5, "mixup=on": 2.0})
    text = " ".join(found.sentences)
    assert "confirmed" in text
    assert "not confirmed" not in text
    assert "less" in text
    assert "not independent" in text
    assert found.parts is not None
    assert not found.fresh


def test_combination_that_gains_the_sum_of_its_parts_adds_up() -> None:
    """Parts of +0.5 each that gain +1 together are reported to add up."""
    found, _ = _confirmation(1.0, {"lr=cosine": 0.5, "mixup=on": 0.5})
    assert "they add up, as far as can be seen" in " ".join(found.sentences)


def test_combination_that_gains_nothing_is_not_confirmed() -> None:
    """No gain is not confirmed, and neither is a recipe whose runs have no result."""
    found, sweep = _confirmation(0.0, {"lr=cosine": 0.5})
    assert "not confirmed" in " ".join(found.sentences)
    failed = confirm({"lr": "cosine"}, [], sweep)
    assert failed.sentences == ["Nothing is confirmed: a recipe has no result."]


WINNERS = {"lr": "cosine", "mixup": "on"}


def _fresh(rng: np.random.Generator, seeds: int, gains: dict[str, float]) -> list[TrialRecord]:
    """Draw runs of a recipe each, whose true gains are known, for validation and test alike."""
    return [
        record(name, 1000 + seed, accuracy, test_accuracy=accuracy)
        for seed in range(seeds)
        for name, gain in gains.items()
        for accuracy in [0.9 + (gain + 0.2 * rng.normal()) / 100]
    ]


@pytest.mark.parametrize("seeds", [3, 5])
def test_effects_that_add_up_are_called_dependent_as_rarely_as_promised(seeds: int) -> None:
    """Winners of a sweep, trained alone on the fresh seeds: 5 % of tables, nearly."""
    rng = np.random.default_rng(0)
    sweep = compare(SMALL, simulated(SMALL, seeds, {"lr=cosine": 0.6, "mixup=on": 0.6}))
    gains = {"baseline": 0, "combination=both": 1.2, "lr=cosine": 0.6, "mixup=on": 0.6}
    false = 0
    for _ in range(300):
        found = confirm(WINNERS, _fresh(rng, seeds, gains), sweep)
        assert found.fresh
        false += "not independent" in " ".join(found.sentences)
    assert false / 300 <= 0.05 + 2.5 * (0.05 * 0.95 / 300) ** 0.5


def test_parts_that_do_not_add_up_are_found_out() -> None:
    """Two options of +0.6 that gain +0.2 together are called not independent."""
    rng = np.random.default_rng(1)
    gains = {"baseline": 0, "combination=both": 0.2, "lr=cosine": 0.6, "mixup=on": 0.6}
    sweep = compare(SMALL, simulated(SMALL, 5))
    found = confirm(WINNERS, _fresh(rng, 8, gains), sweep)
    assert found.shortfall is not None
    assert found.shortfall.difference == pytest.approx(-1.0, abs=0.4)
    assert "points less" in " ".join(found.sentences)


def test_one_image_more_on_both_seeds_is_not_confirmed() -> None:
    """Two seeds that are each one of 357 images better give an interval with a width."""
    records = [
        record(name, 1000 + seed, right / 357, test_accuracy=right / 357)
        for name, runs in {"baseline": (300, 302), "combination=one": (301, 303)}.items()
        for seed, right in enumerate(runs)
    ]
    found = confirm({"lr": "cosine"}, records, compare(SMALL, simulated(SMALL, 2)))
    assert "not confirmed" in found.sentences[0]
    assert found.test is not None
    interval = found.test.interval()
    assert interval is not None
    assert interval[1] - interval[0] > 0.5


PREDICTED = {"lr": "cosine", "mixup": "on", "stem": "relu"}
SEEN = {"stem": "relu", "mixup": "on"}


@pytest.mark.parametrize(
    ("predicted", "seen", "recipe", "said"),
    [
        (1.5, 0.5, PREDICTED, "The prediction holds: take the combination."),
        (0.4, 1.5, SEEN, "gains more on fresh seeds, so fall back on that."),
        (0.0, 0.0, {}, "The prediction failed: neither recipe is proved better"),
        (-1.0, 1.0, SEEN, "so fall back on that."),
        (-1.0, -2.0, {}, "keep the baseline"),
        (None, 1.5, SEEN, "fall back"),
    ],
)
def test_prediction_that_fails_falls_back_on_the_best_recipe_seen(
    predicted: float | None, seen: float, recipe: dict[str, str], said: str
) -> None:
    """The better of both on fresh seeds is taken if the test set confirms it, else the baseline."""
    rng = np.random.default_rng(3)
    gains = {"baseline": 0.0, "best_seen=both": seen}
    gains |= {} if predicted is None else {"combination=all": predicted}
    expected = {"lr=cosine": 1.0, "mixup=on": 1.0, "stem=relu": 1.0}
    sweep = compare(SMALL, simulated(SMALL, 3, expected))
    found = confirm(PREDICTED, _fresh(rng, 5, gains), sweep, dict(SEEN))
    assert dict(found.recipe) == recipe
    if predicted is not None:
        assert said in " ".join(found.sentences)
        assert found.seen_test is not None
        assert found.seen_test.difference == pytest.approx(seen, abs=0.4)


@pytest.mark.parametrize(
    ("expected", "fresh", "said"),
    [
        (4.0, [[60.0, 85.0, 62.0], [88.0, 70.0, 85.0]], "is undecided"),  # a wide interval
        (4.0, [[60.0], [76.0]], "is undecided"),  # no interval
        (4.0, [[60.0, 60.8, 60.2], [60.9, 60.3, 60.6]], "failed"),  # less than was predicted
        (4.0, [[60.0, 75.0, 62.0], [45.0, 61.0, 46.0]], "failed"),  # a loss
        (4.0, [[60.0, 60.1, 60.2], [66.0, 66.1, 66.3]], "holds"),
        (0.0, [[60.0, 60.1, 60.2], [60.1, 60.0, 60.3]], "is undecided"),  # nothing was promised
    ],
)
def test_prediction_fails_only_where_its_gain_is_excluded(
    expected: float, fresh: list[list[float]], said: str
) -> None:
    """Where the interval holds it and no gain, it is undecided, with the seeds that would tell."""
    gains = {"lr=cosine": expected / 2, "mixup=on": expected / 2}
    sweep = compare(SMALL, simulated(SMALL, 5, gains))
    base, other = fresh
    drawn = {"baseline": base, "combination=all": other, "best_seen=one": base[::-1]}
    records = [
        record(name, 1000 + seed, value / 100, test_accuracy=value / 100)
        for name, values in drawn.items()
        for seed, value in enumerate(values)
    ]
    found = confirm(WINNERS, records, sweep, {"stem": "relu"})
    assert found.predicted == pytest.approx(expected, abs=0.5)
    outcome = found.sentences[-1]
    assert outcome.startswith(f"The prediction {said}")
    assert ("--seeds" in outcome or "over 100 seeds" in outcome) is (said == "is undecided")


def test_seeds_that_are_named_find_the_gain_four_times_in_five() -> None:
    """By simulation: confirmations of so many seeds prove a gain of that size in 80 of 100."""
    rng = np.random.default_rng(2)
    seeds = seeds_needed(Effect(1.0, 0.9, df=4), (3, 3), 1.5, 0.025)
    assert seeds is not None
    spread = 0.9 / (2 / 3) ** 0.5
    base, other = spread * rng.standard_normal((2, 4000, seeds))
    p = stats.ttest_ind(other + 1.5, base, axis=1).pvalue
    assert float((p < 0.025).mean()) == pytest.approx(0.8, abs=0.04)
    assert seeds_needed(Effect(1.0, 0.9, df=4), (3, 3), 0.01, 0.025) is None
    assert seeds_needed(Effect(1.0), (1, 1), 1.0, 0.025) is None


def test_two_recipes_share_the_error_rate() -> None:
    """Where neither gains anything, few of simulated confirmations take either."""
    rng = np.random.default_rng(5)
    sweep = compare(SMALL, simulated(SMALL, 3))
    gains = {"baseline": 0.0, "combination=all": 0.0, "best_seen=both": 0.0}
    taken = sum(
        bool(confirm(PREDICTED, _fresh(rng, 5, gains), sweep, SEEN).recipe) for _ in range(200)
    )
    assert taken / 100 <= 0.06


SEEDS_AT = (3, 5, 8, 12)
"""Fresh seeds that there are at each of four looks."""


def _looked_at(rng: np.random.Generator, gains: dict[str, float]) -> list[TrialRecord]:
    """Return runs of twelve seeds, each of the look that added it."""
    return [
        dataclasses.replace(
            record, look=next(n for n, end in enumerate(SEEDS_AT, 1) if record.seed - 1000 < end)
        )
        for record in _fresh(rng, SEEDS_AT[-1], gains)
    ]


@pytest.mark.parametrize("seen", [{}, SEEN])
def test_looks_with_more_seeds_confirm_nothing_that_is_not_there(seen: dict[str, str]) -> None:
    """Asked again with more seeds, what gains nothing is confirmed no oftener than is promised."""
    rng, tables = np.random.default_rng(1), 150
    sweep = compare(SMALL, simulated(SMALL, 3))
    gains = {"baseline": 0.0, "combination=all": 0.0, **({"best_seen=both": 0.0} if seen else {})}
    confirmed = 0
    for _ in range(tables):
        found = confirm(PREDICTED, _looked_at(rng, gains), sweep, seen)
        assert found.looks == len(SEEDS_AT)
        confirmed += bool(found.recipe)
    assert confirmed / tables <= 0.025 + 2 * (0.025 * 0.975 / tables) ** 0.5  # gains, not losses


def test_what_a_look_confirmed_stays_until_seeds_point_the_other_way() -> None:
    """A gain of the first look keeps its figures, and the sentence says of which look they are."""
    rng = np.random.default_rng(1)
    sweep = compare(SMALL, simulated(SMALL, 3))
    first = _fresh(rng, 5, {"baseline": 0.0, "combination=all": 1.5})
    alone = confirm(PREDICTED, first, sweep)
    assert alone.recipe
    assert "looks in all" not in " ".join(alone.sentences)
    for gain, stays in ((-0.5, True), (-9.0, False)):
        more = [
            dataclasses.replace(record, seed=record.seed + 5, look=2)
            for record in _fresh(rng, 3, {"baseline": 0.0, "combination=all": gain})
        ]
        found = confirm(PREDICTED, [*first, *more], sweep)
        assert bool(found.recipe) is stays
        said = " ".join(found.sentences)
        assert "2 looks in all: this one may err in 0.5 % of cases" in said
        assert ("confirmed at look 1, whose figures these are" in said) is stays
        assert (found.test == alone.test) is stays
