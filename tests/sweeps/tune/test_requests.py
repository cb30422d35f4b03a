"""Requests of `tune` and `refine` that there cannot be, and what a sweep predicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.sweeps import api
from darkmagic.sweeps.tune.first import predicted_best
from sweeping import run

WORDS = ["dataset=tiny", "hydra.launcher.devices=cpu", "runtime.device=cpu"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs=0"], "runs=0: give a number of runs"),
        (["runs=many"], "runs=many: give a number of runs"),
        (["runs=3", "budget=2h"], "give one"),
        (["budget=0h"], "trains nothing"),
        (["hours=2"], "write budget=2h"),
        (["sampler=gpp"], "did you mean gp"),
        (["objectives=[time]"], "leaves out accuracy"),
        (["objectives=[accuracy,tme]"], "did you mean time"),
        (["objectives=[accuracy,accuracy]"], "names one twice"),
        (["objectives=[time]", "metric=loss"], "leaves out loss"),
        (["objectives=[accuracy,time]", "metric=loss"], "judged by loss here; write metric=acc"),
        (["objectives=[loss]"], "judged by accuracy here; write metric=loss"),
        (["sampler=ridge", "objectives=[accuracy,time]"], "has one objective"),
        (["prune=maybe"], "write prune=true or prune=false"),
        (["seeds=+2"], "tune adds no seeds"),
        (["seeds=3"], "leave it out"),
        (["dataset=digist"], "did you mean digits"),
    ],
)
def test_study_that_there_cannot_be_is_one_line(
    tmp_path: Path, words: list[str], said: str
) -> None:
    """A word with a mistake names the nearest that can be used, before anything is made."""
    with pytest.raises(UserError) as found:
        api.plan_study([*WORDS, *words])
    assert said in str(found.value)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("target", "words", "options", "said"),
    [
        ("mixpu", [], {}, "did you mean mixup"),
        ("lr_regime", [], {}, "has several numbers; name one: lr_regime.cycles"),
        ("lr_regime.cycle", [], {}, "did you mean cycles"),
        ("stem_activation", [], {}, "no number with a range"),
        ("mixup", [], {"factor": 1.0}, "give a number over 1"),
        ("mixup", [], {"points": 1}, "give 2 to 20"),
        ("mixup", ["seeds=+2"], {}, "give it seeds=3"),
        ("mixup", ["only=mixup"], {}, "give it seeds=3"),
    ],
)
def test_grid_that_there_cannot_be_is_one_line(
    tmp_path: Path, target: str, words: list[str], options: dict[str, object], said: str
) -> None:
    """What has no number to refine is told from what has, and no file is made."""
    with pytest.raises(UserError) as found:
        api.plan_refinement(target, [*WORDS, *words], **options)
    assert said in str(found.value)
    assert "\n" not in str(found.value)
    assert not (tmp_path / "runs").exists()


def test_refinement_is_rows_around_the_option_that_has_the_number(tmp_path: Path) -> None:
    """The grid's numbers are options of the trick, trained beside the baseline and the option."""
    found = api.plan_refinement("mixup", [*WORDS, "seeds=1"], points=3)
    assert (found.option, list(found.grid.values())) == ("on", [0.1, 0.4])
    names = {trial.name for trial in found.planned.plan.trials}
    assert names == {"baseline", "mixup=on", "mixup=alpha_0.1", "mixup=alpha_0.4"}
    assert len(list(tmp_path.glob("runs/*/refine/trick/mixup/*.yaml"))) == 2
    again = api.plan_refinement("label_smoothing", [*WORDS, "seeds=1"], points=2)
    options = again.planned.plan.checklist.trick("mixup").options
    assert {"alpha_0.1", "alpha_0.4"} <= set(options)  # the earlier grid stays in the checklist


def test_number_that_an_option_has_is_that_option() -> None:
    """Of 0.05, 0.1 and 0.2 two are rows already: they are not trained under another name."""
    found = api.plan_refinement("label_smoothing", [*WORDS, "seeds=1"], points=3)
    assert found.grid == {"eps_0.05": 0.05}
    names = {trial.name for trial in found.planned.plan.trials}
    assert names == {"baseline", "label_smoothing=0.2", "label_smoothing=eps_0.05"}


@pytest.mark.weekly
def test_grid_beside_a_screen_has_seeds_of_its_own_number(tmp_path: Path) -> None:
    """A screen's runs are each a recipe once: how many there are is no number of seeds."""
    mine = (
        "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]},"
        "{name: mixup, section: s, options: ['off', 'on']}]"
    )
    words = [mine, "epochs=1", "max_steps=2", "floor=0", "design=screen", "runs=4"]
    screen = run(tmp_path, words)
    found = api.plan_refinement("mixup", screen.overrides, points=2)
    seeds = {trial.seed for trial in found.planned.plan.trials if trial.trick == "mixup"}
    assert seeds == {0, 1, 2}


def test_sweep_predicts_each_tricks_best_together() -> None:
    """Of a sweep of one trick at a time the options that promise a gain are predicted."""
    mine = Checklist("mine", tuple(Trick(name, "s", ("off", "on")) for name in ("a", "b", "c")))
    gains = {None: 0.0, "a": 0.02, "b": -0.02, "c": 0.03}
    records = [
        TrialRecord(
            trick,
            trick and "on",
            "s",
            seed,
            Status.FINISHED,
            accuracy=0.9 + gain + 0.001 * ((seed * 7 + len(trick or "")) % 3),
        )
        for trick, gain in gains.items()
        for seed in range(4)
    ]
    assert predicted_best(compare(mine, records)) == {"a": "on", "c": "on"}
    assert predicted_best(compare(mine, [r for r in records if r.trick in (None, "b")])) is None
