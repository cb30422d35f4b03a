"""A recipe taken apart in real sweeps on tiny data: what is trained, and what is found again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Trial
from darkmagic.checklist.recipes.ablation import ablation_trials
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.confirm import confirm_winners
from darkmagic.sweeps.commands.plan import plan_request
from darkmagic.sweeps.commands.power import power
from darkmagic.sweeps.commands.stages.ablate import ablate_recipe
from darkmagic.sweeps.commands.stages.confirmed import confirmed_tags, read_confirmed
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.orchestrate.extend import SweepKey
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.orchestrate.screening.limits import limits_tags
from darkmagic.sweeps.track.schema.tags import (
    CONFIRMED_NUMBERS,
    KIND,
    LIMITS,
    LOOKS,
    PARENT,
    trial_tags,
)
from darkmagic.sweeps.track.store import open_client
from sweeping import Recorder, Swept, run

MINE = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, sgd_momentum]},"
    "{name: mixup, section: s, options: ['off', 'on']},"
    "{name: weight_decay, section: s, options: [generic, higher]}]"
)
WORDS = [MINE, "dataset=digits", "epochs=1", "floor=0", "runtime.experiment=mine"]
SCREEN = [*WORDS, "design=screen", "runs=6"]
TAKE = ["mixup=on", "weight_decay=higher"]


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Run a screen of six runs."""
    return run(tmp_path_factory.mktemp("ablate"), SCREEN)


def test_screen_is_confirmed_beside_the_best_recipe_it_has_trained(screened: Swept) -> None:
    """The baseline, what is taken and what was seen to be best are trained; no part alone."""
    progress = Recorder()
    done = confirm_winners(screened.overrides, progress, take=TAKE, seeds=1)
    assert done is not None
    found = done.confirmation
    comparison = load_report(screened.uri, "mine").comparison
    assert comparison.screen is not None
    best = comparison.screen.best_seen()
    names = [name for name, _ in progress.trials]
    if best and best != dict(found.combination):
        assert found.seen == best
        assert sorted(found.seen_runs) == sorted(found.baseline) == [1000]
        assert len(names) == 3
        assert "best seen, test %" in done.file.read_text()
        assert any("The prediction" in sentence for sentence in found.sentences)
    assert not any(name.startswith(("mixup=", "weight_decay=")) for name in names)


def test_ablation_leaves_each_part_out_on_seeds_that_chose_nothing(screened: Swept) -> None:
    """The recipe, it without each part and the baseline are trained, on seeds of their own."""
    progress = Recorder()
    ablate_recipe(screened.overrides, progress, take=TAKE, seeds=1)
    assert {seed for _, seed in progress.trials} == {2000}
    assert {name for name, _ in progress.trials} == {
        "baseline",
        "mixup=off",
        "weight_decay=generic",
        "combination=none",
    }
    building = Recorder()
    found = ablate_recipe(screened.overrides, building, take=TAKE, seeds=1, path=True)
    # Of two parts each step is a recipe of the ablation, none of which is trained again.
    assert building.trials == []
    assert {part.name for part in found.ablation.parts} == set(TAKE)
    assert all(part.gain is not None for part in found.ablation.parts)
    assert found.ablation.whole.gain is not None
    assert [step.name for step in found.path][1:] == [
        f"{trick}={found.ablation.recipe[trick]}" for trick in found.ablation.order
    ]
    total = sum(step.gain or 0.0 for step in found.path)
    assert total == pytest.approx(found.ablation.whole.gain, abs=1e-6)
    assert "Added one by one" in found.file.read_text()
    again = Recorder()
    same = ablate_recipe(screened.overrides, again, take=TAKE, seeds=1, path=True)
    assert again.trials == []
    assert same.ablation.parts == found.ablation.parts
    # The sweep's own report sees none of it.
    assert len(load_report(screened.uri, "mine").comparison.rows) == 4


def test_plan_trains_each_part_with_its_own_option_and_numbers(tmp_path: Path) -> None:
    """Numbers go with the part that they are of, and are left out with it; nothing else changes."""
    tuned = {
        "mixup": TunedOption("on", {"alpha": 0.3}),
        "weight_decay": TunedOption("generic", {"value": 0.03}),
        "optimizer": TunedOption("sgd_momentum"),
    }
    words = [*WORDS, f"runtime.out='{tmp_path}'"]
    checklist = api.plan(words).plan.checklist
    labels = {trick: part.label for trick, part in tuned.items()}
    trials = ablation_trials(checklist, labels, [7])
    planned = plan_request(words, Request(trials=tuple(trials), tuned=tuned))
    alpha, value = "tricks.mixup.alpha=0.3", "tricks.weight_decay.value=0.03"
    found = {
        trial.name: ({o for o in overrides if o in (alpha, value)}, dict(trial.choices))
        for trial, overrides in zip(planned.plan.trials, planned.plan.overrides, strict=True)
    }
    whole = {"optimizer": "sgd_momentum", "mixup": "on", "weight_decay": "generic"}
    plain = {"optimizer": "sgd_nesterov", "mixup": "off", "weight_decay": "generic"}
    assert found == {
        "baseline": ({alpha, value}, whole),
        "mixup=off": ({value}, {**whole, "mixup": "off"}),
        "weight_decay=generic": ({alpha}, whole),
        "optimizer=sgd_nesterov": ({alpha, value}, {**whole, "optimizer": "sgd_nesterov"}),
        "combination=none": (set(), plain),
    }


@pytest.mark.weekly
def test_numbers_that_were_tuned_are_a_part_that_is_left_out_with_them(screened: Swept) -> None:
    """Of a confirmed recipe with one number of its own, what is without it is the baseline; seeds
    that the confirmation has used are not used again.
    """
    key = power(screened.overrides).key
    client = open_client(key.uri)
    experiment = client.get_experiment_by_name("mine").experiment_id
    decay = TunedOption("generic", {"value": 0.03})
    tags = {KIND: "confirmation", **confirmed_tags(key, {"weight_decay": decay})}
    parent = client.create_run(experiment, tags=tags).info.run_id
    run_tags = trial_tags(Trial(None, None, "", 2004), "of-the-confirmation")
    child = client.create_run(experiment, tags={**run_tags, PARENT: parent}).info.run_id
    try:
        progress = Recorder()
        found = ablate_recipe(screened.overrides, progress, seeds=1).ablation
    finally:
        client.delete_run(child)
        client.delete_run(parent)
    assert [part.name for part in found.parts] == ["weight_decay=generic (value 0.03)"]
    assert progress.trials == [("baseline", 3000), ("weight_decay=generic", 3000)]
    values = {
        folder.name.partition("-s")[0]: yaml.safe_load((folder / "config.yaml").read_text())
        for folder in (screened.folder / "mine").glob("*-s3000-*")
    }
    assert {name: v["tricks"]["weight_decay"]["value"] for name, v in values.items()} == {
        "baseline": 0.03,
        "weight_decay=generic": 5e-05,
    }


@pytest.mark.parametrize(
    ("recipe", "taken"),
    [
        ({}, {}),
        ({"mixup": TunedOption("on")}, {"mixup": "on"}),
        (
            {
                "mixup": TunedOption("on", {"alpha": 0.3}),
                "lr": TunedOption("x", {"a": 2, "b": 0.1}),
            },
            {"mixup": "on (alpha 0.3)", "lr": "x (a 2, b 0.1)"},
        ),
    ],
)
def test_confirmed_recipe_is_read_as_it_was_left(
    recipe: dict[str, TunedOption], taken: dict[str, str]
) -> None:
    """Options and numbers, to the last digit; versions before left no numbers."""
    tags = confirmed_tags(SweepKey("sqlite:///none", "mine", "of"), recipe)
    assert read_confirmed(tags) == recipe
    assert {trick: part.label for trick, part in read_confirmed(tags).items()} == taken
    former = {name: text for name, text in tags.items() if name != CONFIRMED_NUMBERS}
    assert read_confirmed(former) == {t: TunedOption(part.option) for t, part in recipe.items()}


@pytest.mark.parametrize(
    ("take", "seeds", "said"),
    [
        ([], 2, "there is no confirmed recipe of this sweep to take apart"),
        (["mixup=off"], 2, "baseline's own choice"),
        (["mixp=on"], 2, "mixup"),
        (["mixup=on"], 0, "give 1 or more"),
    ],
)
def test_what_cannot_be_taken_apart_is_one_line(
    tmp_path: Path, take: list[str], seeds: int, said: str
) -> None:
    """Without a confirmation, and for options there are not, nothing is trained."""
    words = [*WORDS, f"runtime.out='{tmp_path}'"]
    with pytest.raises(UserError, match=said):
        ablate_recipe(words, Recorder(), take=take, seeds=seeds)


def test_confirmation_that_keeps_the_baseline_leaves_nothing_to_take_apart(
    screened: Swept,
) -> None:
    """Without --take the newest confirmation is taken apart, and one that failed is said so."""
    done = confirm_winners(screened.overrides, Recorder(), take=TAKE, seeds=1)
    assert done is not None
    if done.confirmation.recipe:
        found = ablate_recipe(screened.overrides, Recorder(), seeds=1)
        assert found.ablation.recipe == dict(done.confirmation.recipe)
    else:
        with pytest.raises(UserError, match="kept the baseline"):
            ablate_recipe(screened.overrides, Recorder(), seeds=1)


def test_interactions_add_the_runs_of_a_pair_to_a_screen(screened: Swept) -> None:
    """The plan keeps the six runs and adds those that separate a pair, which the report knows."""
    planned = api.plan(screened.overrides, interactions=True)
    (pair,) = planned.plan.limits.together
    assert set(pair) < {"optimizer", "mixup", "weight_decay"}
    assert len(planned.plan.trials) == 8  # there are no more of three tricks of two options
    known = {(record.name, record.seed) for record in screened.outcome.records}
    assert known < {(trial.name, trial.seed) for trial in planned.plan.trials}


def test_interactions_go_on_with_the_pair_that_was_begun(screened: Swept) -> None:
    """A sweep of a pair's runs that was stopped before its report is no reason for another pair."""
    (suspected,) = api.plan(screened.overrides, interactions=True).plan.limits.together
    tricks = ("optimizer", "mixup", "weight_decay")
    other = next(p for p in itertools.combinations(tricks, 2) if set(p) != set(suspected))
    client, parent = open_client(screened.uri), screened.outcome.parent.run_id
    before = client.get_run(parent).data.tags
    begun = Limits(together={other: int(before.get(LOOKS, 0)) + 1})
    client.set_tag(parent, LIMITS, limits_tags(begun)[LIMITS])
    try:
        planned = api.plan(screened.overrides, interactions=True)
    finally:
        if LIMITS in before:
            client.set_tag(parent, LIMITS, before[LIMITS])
        else:
            client.delete_tag(parent, LIMITS)
    assert planned.plan.limits.together == begun.together


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (WORDS, "--interactions is of a screen"),
        ([*WORDS, "design=screen", "epochs=9"], "goes on with a screen that has run"),
    ],
)
def test_interactions_without_a_screen_are_refused(
    tmp_path: Path, words: list[str], said: str
) -> None:
    """There is nothing to suspect before a screen has run."""
    with pytest.raises(UserError, match=said):
        api.plan([*words, f"runtime.out='{tmp_path}'"], interactions=True)
