"""The study in its file: what is asked, told, known before, and mended after a kill."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.tune.result import importances_of
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.storage.study import TuningStudy
from darkmagic.sweeps.tune.suggest.samplers import Sampler, read_sampler
from spaces import open_study, space_of, truth


def _finished(recipe: TunedRecipe) -> dict[str, object]:
    return {"status": "finished", "reason": "", "val_accuracy": truth(recipe), "wall_seconds": 2.0}


def _run(study: TuningStudy, count: int) -> None:
    for _ in range(count):
        asked = study.ask()
        study.tell(asked.number, _finished(asked.recipe))


def test_trials_of_a_dead_process_are_asked_again_under_their_number(tmp_path: Path) -> None:
    """What was asked and not told is there for the next process, with its recipe, and no more."""
    study = open_study(tmp_path, space_of())
    _run(study, 3)
    left = [study.ask(), study.ask()]
    again = open_study(tmp_path, space_of())
    assert again.mend() == left
    for asked in left:
        again.tell(asked.number, _finished(asked.recipe))
    assert again.mend() == []
    assert [trial.state for trial in again.trials] == [TrialState.COMPLETE] * 5
    assert len(again.ran) == 5


@pytest.mark.parametrize("same", [True, pytest.param(False, marks=pytest.mark.weekly)])
@pytest.mark.filterwarnings("always:Target and region")  # as outside of tests
def test_importances_are_told_of_trials_that_differ(tmp_path: Path, *, same: bool) -> None:
    """Where all are as good there are none, and no warning of Optuna's reaches the user."""
    study = open_study(tmp_path, space_of())
    for _ in range(10):
        asked = study.ask()
        result = _finished(asked.recipe)
        study.tell(asked.number, result | ({"val_accuracy": 0.5} if same else {}))
    found = importances_of(study, 10)
    assert bool(found) is not same
    assert sum(found.values()) == pytest.approx(0 if same else 1)


def test_trial_that_was_being_asked_is_given_up_and_what_it_stood_for_kept(tmp_path: Path) -> None:
    """A process that dies between two parameters leaves no recipe: one in line is in line again."""
    study = open_study(tmp_path, space_of())
    baseline = study.space.recipe(study.space.baseline)
    assert baseline is not None
    assert study.enqueue(baseline)
    dying = study.optuna.ask()  # of all its parameters the first alone
    dying.suggest_categorical("mixup", ("off", "on"))
    again = open_study(tmp_path, space_of())
    assert again.mend() == []
    assert again.trials[0].state is TrialState.FAIL
    assert again.ask().recipe == baseline
    assert again.ran == []


def test_what_is_known_is_added_once(tmp_path: Path) -> None:
    """Recipes of other sweeps are trials of the study, whoever adds them how often."""
    study = open_study(tmp_path, space_of())
    recipe = study.space.recipe({"mixup": "on"})
    assert recipe is not None
    assert study.add(recipe, [91.0], "mixup=on", [0, 1, 2])
    assert not study.add(recipe, [91.0], "mixup=on", [0, 1, 2])
    assert not study.enqueue(recipe)
    assert not open_study(tmp_path, space_of()).add(recipe, [92.0], "again")
    assert [trial.value for trial in study.trials] == [91.0]
    assert study.ran == []


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ({"status": "finished", "val_accuracy": 0.9}, TrialState.COMPLETE),
        ({"status": "diverged", "reason": "nan", "val_accuracy": 0.1}, TrialState.COMPLETE),
        ({"status": "failed", "reason": "ValueError"}, TrialState.FAIL),
        ({"status": "skipped", "reason": "no weights"}, TrialState.FAIL),
        ({"status": "pruned", "reason": "far behind"}, TrialState.PRUNED),
    ],
)
def test_every_end_of_a_trial_is_told(
    tmp_path: Path, result: dict[str, object], state: TrialState
) -> None:
    """A study has every end, once, and counts it as a run; the reason stays."""
    study = open_study(tmp_path, space_of())
    asked = study.ask()
    study.tell(asked.number, result)
    study.tell(asked.number, {"status": "failed", "reason": "told twice"})
    (trial,) = study.trials
    assert trial.state is state
    assert trial.user_attrs["ran"] == result["status"]
    assert trial.user_attrs.get("reason", "") == result.get("reason", "")
    assert (study.pruned(0) is not None) == (state is TrialState.PRUNED)


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    """Accuracy against parameters: values in the order asked for, and a front of both."""
    study = open_study(tmp_path, space_of(), objectives=["accuracy", "parameters"])
    for accuracy, parameters in ((0.9, 2e6), (0.8, 1e6), (0.7, 3e6)):
        result = {"status": "finished", "val_accuracy": accuracy, "parameters": parameters}
        study.tell(study.ask().number, result)
    assert [trial.values for trial in study.optuna.best_trials] == [[90.0, 2.0], [80.0, 1.0]]


def test_file_that_is_no_study_is_one_line(tmp_path: Path) -> None:
    """A damaged storage is named, with what to do."""
    (tmp_path / "optuna.db").write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(UserError, match="as the storage of a study") as found:
        open_study(tmp_path, space_of())
    assert "\n" not in str(found.value)


def _sql(statement: str) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(statement)
            database.commit()

    return run


def _flip(seed: int) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        content, draw = bytearray(path.read_bytes()), random.Random(seed)
        for _ in range(200):
            content[draw.randrange(100, len(content))] = draw.randrange(256)
        path.write_bytes(content)

    return run


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "no studies": _sql("DROP TABLE studies"),
    "parameters": _sql("UPDATE trial_params SET distribution_json = '{'"),
    "attributes": _sql("UPDATE trial_user_attributes SET value_json = '{'"),
    "state": _sql("UPDATE trials SET state = 'NOPE'"),
    "a trial gone": _sql("DELETE FROM trials WHERE number = 1"),
    "of another Optuna": _sql("UPDATE alembic_version SET version_num = 'v99'"),
    **{f"bytes {seed}": _flip(seed) for seed in range(4)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_storage_is_one_line(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """Whatever is wrong with the file, it is named when the study is opened, and left as it is."""
    _run(open_study(tmp_path, space_of()), 3)
    damage(tmp_path / "optuna.db")
    with pytest.raises(UserError, match=r"as the storage of a study: .*; move it away") as found:
        open_study(tmp_path, space_of())
    assert "\n" not in str(found.value)
    assert (tmp_path / "optuna.db").exists()


@pytest.mark.parametrize(
    "sampler",
    [Sampler.TPE, Sampler.RIDGE, pytest.param(Sampler.CMA, marks=pytest.mark.weekly)],
)
def test_sampler_finds_more_than_chance(tmp_path: Path, sampler: Sampler) -> None:
    """What a sampler suggests last is better than what it drew at random first."""
    study = open_study(tmp_path, space_of(only=["mixup=on", "weight_decay"]), sampler)
    runs = 36 if sampler is Sampler.CMA else 22
    _run(study, runs)
    values = [float(trial.value or 0) for trial in study.trials]
    assert sum(values[-8:]) / 8 > sum(values[:10]) / 10
    if sampler is Sampler.RIDGE:
        assert max(values) > 95.5


def test_ridge_looks_for_the_lowest_loss(tmp_path: Path) -> None:
    """Of a metric that is minimised, what is suggested last is lower than what was drawn first."""
    space = space_of(only=["mixup=on", "weight_decay"])
    study = open_study(tmp_path, space, Sampler.RIDGE, decisive="loss")
    for _ in range(22):
        asked = study.ask()
        result = {**_finished(asked.recipe), "val_loss": 1 - truth(asked.recipe)}
        study.tell(asked.number, {**result, "val_accuracy": 1 - truth(asked.recipe)})
    values = [float(trial.value or 0) for trial in study.trials]
    assert study.optuna.direction.name == "MINIMIZE"
    assert study.optuna.best_value == min(values) < 0.045
    assert sum(values[-8:]) / 8 < sum(values[:10]) / 10


def test_loss_that_is_no_number_is_a_failure(tmp_path: Path) -> None:
    """A trial that diverged has no loss to compare, and never the best one."""
    study = open_study(tmp_path, space_of(), decisive="loss")
    for value in (float("nan"), float("inf"), None):
        study.tell(study.ask().number, {"status": "diverged", "val_loss": value})
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 3


def test_ridge_avoids_what_excludes_and_what_was_tried(tmp_path: Path) -> None:
    """Proposals of the model with pairs are new recipes of the space, conflicts kept apart."""
    study = open_study(tmp_path, space_of(), Sampler.RIDGE)
    _run(study, 15)
    recipes = [study.space.draw(*[lambda n, _, t=t: t.params[n]] * 2) for t in study.trials]
    assert len({recipe.key for recipe in recipes}) == 15
    for recipe in recipes:
        chosen = recipe.choices
        assert (chosen["mixup"], chosen["loss"]) != ("on", "multiclass_hinge")


@pytest.mark.weekly
def test_gaussian_process_proposes_from_a_process_of_its_own(tmp_path: Path) -> None:
    """The proposals come from a child with torch, within the space, outliers and all."""
    study = open_study(tmp_path, space_of(), Sampler.GP)
    for _ in range(14):
        asked = study.ask()
        bad = asked.number % 5 == 4
        result = {"status": "diverged", "val_accuracy": 0.01} if bad else _finished(asked.recipe)
        study.tell(asked.number, {"reason": "", **result})
    assert len(study.ran) == 14


@pytest.mark.parametrize(
    ("name", "objectives", "said"),
    [
        ("tpee", 1, "did you mean tpe"),
        ("ridge", 2, "has one objective; choose sampler=tpe or gp"),
        ("cma", 2, "has one objective"),
    ],
)
def test_sampler_that_cannot_be_had_is_one_line(name: str, objectives: int, said: str) -> None:
    """An unknown sampler, and one for fewer objectives, are refused."""
    with pytest.raises(UserError, match=said):
        read_sampler(name, objectives)


def test_storage_is_read_by_optuna_alone(tmp_path: Path) -> None:
    """Anyone opens the study with Optuna, as its dashboard does."""
    study = open_study(tmp_path, space_of())
    _run(study, 2)
    loaded = optuna.load_study(study_name="mine", storage=study.url)
    assert [trial.params for trial in loaded.trials] == [trial.params for trial in study.trials]
