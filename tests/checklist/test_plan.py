"""From a checklist to its trials."""

from __future__ import annotations

import pytest

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.plan import (
    Baseline,
    baseline_choices,
    expand,
    expand_combination,
    plan_seeds,
    with_baseline,
)

SMALL = Checklist(
    "small",
    (
        Trick("lr", "training", ("cycles", "cosine", "gamma"), vanilla="cosine"),
        Trick("mixup", "regularisation", ("off", "on")),
    ),
)


def test_each_trial_differs_from_the_baseline_in_one_trick() -> None:
    """One baseline and a trial for every other option."""
    baseline, *others = expand(SMALL, plan_seeds(SMALL))
    assert baseline.trick is None
    assert [trial.name for trial in others] == ["lr=cosine", "lr=gamma", "mixup=on"]
    for trial in others:
        changed = {k for k, v in trial.choices.items() if v != baseline.choices[k]}
        assert changed == {trial.trick}
        assert trial.choices[str(trial.trick)] == trial.option


def test_vanilla_starts_from_the_plain_recipe() -> None:
    """The vanilla options come first, the others are still all there."""
    plain = with_baseline(SMALL, Baseline.VANILLA)
    assert baseline_choices(plain) == {"lr": "cosine", "mixup": "off"}
    assert [trial.name for trial in expand(plain, plan_seeds(plain))][1:] == [
        "lr=cycles",
        "lr=gamma",
        "mixup=on",
    ]


def test_a_chosen_option_becomes_the_baselines() -> None:
    """Also one that the checklist does not list."""
    chosen = with_baseline(SMALL, Baseline.ARTICLE, {"mixup": "on", "lr": "step"})
    assert baseline_choices(chosen) == {"lr": "step", "mixup": "on"}
    assert "lr=cycles" in {trial.name for trial in expand(chosen, plan_seeds(chosen))}


def test_seeds_repeat_every_trial() -> None:
    """Whole comparisons one after the other, so that an interrupted sweep has some."""
    trials = expand(SMALL, plan_seeds(SMALL, seeds=3, first_seed=5))
    assert [trial.seed for trial in trials] == [5] * 4 + [6] * 4 + [7] * 4
    assert [t.name for t in trials[:4]] == [t.name for t in trials[8:]]


def test_the_baseline_may_have_runs_of_its_own() -> None:
    """As many as `baseline_repeats`, under the seeds after the shared ones."""
    trials = expand(SMALL, plan_seeds(SMALL, seeds=2, baseline_repeats=4))
    assert [t.seed for t in trials if t.trick is None] == [0, 1, 2, 3]
    assert len(trials) == 4 + 3 * 2
    assert len(expand(SMALL, plan_seeds(SMALL, seeds=2, baseline_repeats=1))) == 8
    with pytest.raises(UserError, match="give baseline_repeats=1 or more"):
        plan_seeds(SMALL, baseline_repeats=0)


def test_trials_may_have_different_seeds() -> None:
    """As after adding seeds to some of them."""
    trials = expand(SMALL, {"baseline": [0, 1], "lr=cosine": [0], "mixup=on": [0, 1]})
    assert [(t.name, t.seed) for t in trials] == [
        ("baseline", 0),
        ("lr=cosine", 0),
        ("mixup=on", 0),
        ("baseline", 1),
        ("mixup=on", 1),
    ]


def test_a_combination_is_one_trial_beside_the_baseline() -> None:
    """That takes all its options."""
    baseline, together = expand_combination(SMALL, {"lr": "cosine", "mixup": "on"}, [1000])
    assert baseline.trick is None
    assert together.choices == {"lr": "cosine", "mixup": "on"}
    assert (together.seed, together.option) == (1000, "lr=cosine+mixup=on")
    with pytest.raises(UserError, match="did you mean on"):
        expand_combination(SMALL, {"mixup": "onn"}, [0])


@pytest.mark.parametrize("seeds", [0, -1])
def test_no_seeds_is_said(seeds: int) -> None:
    """Training nothing is a mistake."""
    with pytest.raises(UserError, match="give seeds=1 or more"):
        plan_seeds(SMALL, seeds=seeds)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Trick("a", "s", ()), "no options"),
        (lambda: Trick("a", "s", ("x", "x")), "twice"),
        (lambda: Trick("a", "s", ("on", "off"), vanilla="of"), "did you mean off"),
        (lambda: Checklist("c", (SMALL.tricks[0], SMALL.tricks[0])), "twice"),
        (lambda: SMALL.trick("mixp"), "did you mean mixup"),
        (lambda: Baseline.parse("vanila"), "did you mean vanilla"),
    ],
)
def test_bad_checklists_are_named(make: object, message: str) -> None:
    """One line that says what is wrong and what is near."""
    assert callable(make)
    with pytest.raises(UserError, match=message):
        make()


def test_nearest_lists_choices_when_none_is_near() -> None:
    """And at most eight of them."""
    assert nearest("zzz", ["a", "b"]) == "choose from: a, b"
    assert nearest("zzz", [str(i) for i in range(20)]).endswith(", ...")
    assert nearest("zzz", []) == "there are none to choose from"
