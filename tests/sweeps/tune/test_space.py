"""The space of a study: what is offered, what is one category, and how recipes are written."""

from __future__ import annotations

import optuna
import pytest

from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps.tune.space.parameters import draw_from, parameters_of, recipe_of
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space
from spaces import NODES, space_of


def _draws(space: Space, count: int) -> list[tuple[optuna.trial.FrozenTrial, TunedRecipe]]:
    """Draw at random from a study in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found = []
    for _ in range(count):
        trial = study.ask()
        recipe = draw_from(space, trial)
        found.append((study.trials[trial.number], recipe))
        study.tell(trial, 0.0)
    return found


def _flat(recipe: TunedRecipe) -> dict[str, str]:
    """Return the tricks of a trial's configuration as MLflow has them."""
    flat = {}
    for trick, option in recipe.choices.items():
        node = NODES[trick, option]
        for name, value in (node or {}).items():
            if name != "search":
                own = recipe.numbers.get((trick, name), value)
                flat[f"tricks.{trick}.{name}"] = str(own)
    return flat


def test_options_that_differ_in_a_searched_number_are_one_category() -> None:
    """Two values of weight decay are one option with a number that both are within."""
    space = space_of()
    assert [level.option for level in space.levels["weight_decay"]] == ["generic"]
    assert "weight_decay" not in space.parameters
    recipe = space.recipe({"weight_decay": "higher"})
    assert recipe is not None
    assert recipe.choices["weight_decay"] == "generic"
    assert recipe.numbers["weight_decay", "value"] == 5e-4


def test_draws_respect_conflicts_ranges_and_types() -> None:
    """No draw combines what excludes each other; numbers are in their range and of their type."""
    pairs = set()
    for _, recipe in _draws(space_of(), 300):
        pairs.add((recipe.choices["mixup"], recipe.choices["loss"]))
        for (_, name), value in recipe.numbers.items():
            low, high = {
                "alpha": (0.05, 2.0),
                "value": (1e-6, 5e-3),
                "operations": (1, 3),
                "magnitude": (3, 20),
            }[name]
            assert low <= value <= high
            assert isinstance(value, int) == (name in ("operations", "magnitude"))
    assert pairs == {
        ("off", "cross_entropy"),
        ("off", "multiclass_hinge"),
        ("off", "binary_cross_entropy"),
        ("on", "cross_entropy"),
        ("on", "binary_cross_entropy"),
    }


def test_recipe_is_the_same_from_parameters_configuration_and_overrides() -> None:
    """A drawn recipe is found again from Optuna's parameters and from a trial's configuration."""
    space = space_of()
    for trial, recipe in _draws(space, 60):
        assert recipe_of(space, trial) == recipe
        again = parameters_of(space, recipe)
        assert again is not None
        assert again.keys() == trial.params.keys()
        assert space.read(_flat(recipe)) == recipe
        assert len(recipe.overrides) == len(recipe.numbers)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tricks.mixup._target_", "mine.Mixup"),
        ("tricks.weight_decay.value", "0.5"),
        ("tricks.augmentation.magnitude", "30"),
        ("tricks.augmentation.operations", "none"),
    ],
)
def test_configuration_of_elsewhere_is_no_recipe(key: str, value: str) -> None:
    """Another class, or a number out of the range, is not of this space."""
    space = space_of()
    recipe = space.recipe({"mixup": "on", "augmentation": "randaugment"})
    assert recipe is not None
    flat = _flat(recipe)
    assert space.read(flat) == recipe
    assert space.read({**flat, key: value}) is None


def test_only_names_tricks_and_options() -> None:
    """What is not named is held at the baseline's option, and a named option is the only one."""
    space = space_of(only=["mixup=on", "weight_decay"])
    assert set(space.parameters) == {"mixup=on alpha", "weight_decay=generic value"}
    drawn = {recipe.choices["mixup"] for _, recipe in _draws(space, 5)}
    assert drawn == {"on"}
    assert space.held == {"loss": "cross_entropy", "augmentation": "none"}


def test_what_is_left_out_or_set_is_not_searched() -> None:
    """An option that cannot be had is not offered, and a number that the user sets is not drawn."""
    dropped = Limits({("mixup", "on"): "does not apply"})
    assert "mixup" not in space_of(limits=dropped).parameters
    pinned = space_of(pinned=[("mixup", "alpha")])
    assert "mixup" in pinned.parameters
    assert "mixup=on alpha" not in pinned.parameters


def test_value_outside_its_range_widens_it() -> None:
    """The recipe's own number can be drawn and told, wherever the user has put it."""
    nodes = {**NODES, ("mixup", "on"): {**NODES["mixup", "on"], "alpha": 8.0}}
    space = space_of(nodes=nodes)
    recipe = space.recipe({"mixup": "on"})
    assert recipe is not None
    assert parameters_of(space, recipe) is not None


@pytest.mark.parametrize(
    ("only", "said"),
    [
        (["mixpu"], "did you mean mixup"),
        (["mixup=onn"], "did you mean on"),
        (["loss=cross_entropy"], "nothing is left to tune"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(only: list[str], said: str) -> None:
    """A name that there is not, and a space of one recipe, are refused with what there is."""
    with pytest.raises(UserError, match=said) as found:
        space_of(only=only)
    assert "\n" not in str(found.value)


def test_description_leaves_out_what_the_file_has() -> None:
    """A reader sees what a recipe has that the baseline has not, and no more."""
    space = space_of()
    baseline = space.recipe(space.baseline)
    assert baseline is not None
    assert space.describe(baseline) == "the baseline"
    numbers = {**baseline.numbers, ("mixup", "alpha"): 0.31234}
    recipe = TunedRecipe({**baseline.choices, "mixup": "on"}, numbers)
    assert space.describe(recipe) == "mixup=on (alpha 0.312)"
    assert space.parts(recipe) == {"mixup": TunedOption("on", {"alpha": 0.31234})}


def test_parts_are_all_that_a_recipe_has_beside_the_baseline() -> None:
    """The baseline's options with those of the parts and their numbers are the recipe again."""
    space = space_of()
    for _, recipe in _draws(space, 40):
        parts = space.parts(recipe)
        choices = {**space.baseline, **{trick: part.option for trick, part in parts.items()}}
        assert choices == dict(recipe.choices)
        for (trick, name), value in recipe.numbers.items():
            own = parts[trick].numbers if trick in parts else {}
            assert {**space.options[trick, choices[trick]], **own}[name] == value
