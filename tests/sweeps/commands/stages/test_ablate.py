"""A recipe taken apart in real sweeps on tiny data: what is trained, and what is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.confirm import confirm_winners
from darkmagic.sweeps.commands.stages.ablate import ablate_recipe
from darkmagic.sweeps.orchestrate.report import load_report
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
