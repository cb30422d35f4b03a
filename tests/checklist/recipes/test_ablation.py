"""A recipe taken apart: which parts carry its gain, by runs whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.recipes.ablation import Role, ablate, ablation_checklist, ablation_trials
from darkmagic.checklist.recipes.path import path_steps, path_trials
from darkmagic.checklist.records import Status, TrialRecord

MINE = Checklist(
    "mine",
    (
        Trick("lr", "s", ("cycles", "cosine"), retune={"cosine": ("lr",)}),
        Trick("mixup", "s", ("off", "on")),
        Trick("stem", "s", ("leaky", "relu", "swish")),
        Trick("ema", "s", ("off", "on")),
    ),
)
RECIPE = {"lr": "cosine", "mixup": "on", "stem": "swish"}
SEEDS = range(2000, 2005)


def _trained(
    trials: list[Trial],
    gains: Mapping[str, float],
    *,
    spread: float = 0.1,
    seed: int = 0,
    failing: str = "",
) -> list[TrialRecord]:
    """Return runs of `trials`, in which each option adds its gain in points."""
    rng = np.random.default_rng(seed)
    luck = {s: rng.normal() for s in SEEDS}
    found = []
    for trial in trials:
        level = sum(gains.get(f"{t}={o}", 0.0) for t, o in trial.choices.items())
        accuracy = (90 + level + spread * (luck[trial.seed] + rng.normal())) / 100
        failed = trial.name == failing
        found.append(
            TrialRecord(
                trial.trick,
                trial.option,
                trial.section,
                trial.seed,
                Status.FAILED if failed else Status.FINISHED,
                reason="OSError: gone" if failed else "",
                accuracy=None if failed else accuracy,
                images=10_000,
            )
        )
    return found


def test_recipe_is_the_baseline_and_each_row_leaves_a_part_out() -> None:
    """The trials are the recipe, it without each part, and the sweep's baseline, by seed."""
    ablated = ablation_checklist(MINE, RECIPE)
    assert [trick.options for trick in ablated.tricks] == [
        ("cosine", "cycles"),
        ("on", "off"),
        ("swish", "leaky"),
        ("off",),
    ]
    trials = ablation_trials(MINE, RECIPE, SEEDS)
    assert len(trials) == 5 * len(SEEDS)
    choices = {trial.name: dict(trial.choices) for trial in trials}
    base = {"lr": "cycles", "mixup": "off", "stem": "leaky", "ema": "off"}
    assert choices["baseline"] == {**base, **RECIPE}
    assert choices["mixup=off"] == {**base, **RECIPE, "mixup": "off"}
    assert choices["combination=none"] == base
    alone = ablation_trials(MINE, {"mixup": "on"}, SEEDS)
    assert {trial.name for trial in alone} == {"baseline", "mixup=off"}


@pytest.mark.parametrize(
    ("gains", "roles"),
    [
        (
            {"lr=cosine": 1.0, "mixup=on": 0.0, "stem=swish": -1.0},
            {"lr": Role.CARRIES, "mixup": Role.RIDES, "stem": Role.HURTS},
        ),
        ({"mixup=on": 2.0}, {"lr": Role.RIDES, "mixup": Role.CARRIES, "stem": Role.RIDES}),
    ],
)
def test_parts_are_told_apart_by_what_they_do(
    gains: dict[str, float], roles: dict[str, Role]
) -> None:
    """A part carries, takes away or rides along; the order is that of what it adds."""
    records = _trained(ablation_trials(MINE, RECIPE, SEEDS), gains, spread=0.01)
    found = ablate(MINE, RECIPE, records)
    assert {part.trick: part.role for part in found.parts} == roles
    assert found.order == sorted(RECIPE, key=lambda t: -gains.get(f"{t}={RECIPE[t]}", 0.0)) or (
        found.parts[0].role is Role.CARRIES
    )
    for part in found.parts:
        assert part.gain == pytest.approx(gains.get(part.name, 0.0), abs=0.05)
        assert part.interval is not None
        assert part.interval.low <= part.gain <= part.interval.high
    assert found.whole.gain == pytest.approx(sum(gains.values()), abs=0.05)
    text = " ".join(found.sentences)
    carrying = ", ".join(part.name for part in found.parts if part.role is Role.CARRIES)
    assert f"Carry the gain, as the recipe is worse without each of them: {carrying}." in text


def test_parts_that_do_nothing_are_called_carriers_as_rarely_as_promised() -> None:
    """Over simulated ablations of a recipe that gains nothing, few make any claim of a part."""
    trials = ablation_trials(MINE, RECIPE, SEEDS)
    claims = 0
    for seed in range(40):
        found = ablate(MINE, RECIPE, _trained(trials, {}, seed=seed))
        claims += any(part.role in (Role.CARRIES, Role.HURTS) for part in found.parts)
    assert claims <= 6  # 4 % of them are due


def test_part_without_a_result_says_so_and_the_others_are_judged() -> None:
    """A trial that failed is a part of which nothing is known, last in the order."""
    records = _trained(
        ablation_trials(MINE, RECIPE, SEEDS), {"lr=cosine": 2.0}, failing="mixup=off", spread=0.01
    )
    found = ablate(MINE, RECIPE, records)
    assert [part.role for part in found.parts] == [Role.CARRIES, Role.RIDES, Role.UNKNOWN]
    assert "Without a result: mixup=on." in found.sentences
    nothing = ablate(MINE, RECIPE, [])
    assert nothing.sentences == [
        "The recipe has no result, so that nothing can be said of its parts."
    ]


def test_path_adds_parts_in_order_and_says_what_each_adds_to_those_before() -> None:
    """Each step is compared with the recipe before it, on the same seeds."""
    order = ["mixup", "lr", "stem"]
    trials = path_trials(MINE, RECIPE, order, SEEDS)
    assert len(trials) == 4 * len(SEEDS)
    assert trials[-1].choices["mixup"] == "on"
    assert {t: trials[2].choices[t] for t in order} == {
        "mixup": "on",
        "lr": "cosine",
        "stem": "leaky",
    }
    gains = {"mixup=on": 1.0, "stem=swish": -0.8}
    steps = path_steps(RECIPE, order, _trained(trials, gains, spread=0.02))
    assert [step.name for step in steps] == ["baseline", "mixup=on", "lr=cosine", "stem=swish"]
    assert [step.adds for step in steps] == ["", "adds to it", "not decided", "takes from it"]
    for step in steps[1:]:
        assert step.gain == pytest.approx(gains.get(step.name, 0.0), abs=0.06)
        assert step.interval is not None
        assert step.interval.low < step.gain < step.interval.high
    gains_of_steps = [step.gain or 0.0 for step in steps]
    accuracies = [step.accuracy or 0.0 for step in steps]
    assert accuracies[-1] - accuracies[0] == pytest.approx(sum(gains_of_steps), abs=1e-6)


def test_steps_that_add_nothing_are_claimed_as_rarely_as_promised() -> None:
    """Over simulated paths without effects, a claim of any step is rare."""
    trials = path_trials(MINE, RECIPE, list(RECIPE), SEEDS)
    claims = 0
    for seed in range(60):
        steps = path_steps(RECIPE, list(RECIPE), _trained(trials, {}, seed=seed))
        claims += any(step.adds in ("adds to it", "takes from it") for step in steps)
    assert claims <= 9
