"""CUDA graphs: rates as tensors, steps that leave no trace, and the choice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.eager import EagerStep, Step
from darkmagic.trainers.step.rewind import Rewind
from darkmagic.trainers.step.select import MIN_STEPS, choose_step, make_eager
from darkmagic.trainers.step.tensor_schedule import (
    NotCapturable,
    TensorSchedule,
    prepare_optimizer,
)
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.optimizer import Adagrad, Adam, AdamW, Lion, Muon, Sam, Sgd
from graph_recipes import CAPTURABLE, RECIPE, graph_recipe

BY_HOST = [Adagrad()]


def _name(optimizer: Trick) -> str:
    return type(optimizer).__name__


def _eager(recipe: Recipe, *, tensors: bool) -> tuple[Trial, EagerStep]:
    trial = Trial.prepare(recipe)
    eager, _ = make_eager(trial)
    if tensors:
        prepare_optimizer(trial.optimizer, trial.device)
        schedule = TensorSchedule(
            trial.optimizer, trial.device, decay_moves=trial.hooks.decay_moves
        )
        eager = dataclasses.replace(eager, schedule=schedule)
    trial.network.train()
    return trial, eager


def _weights(trial: Trial, step: Step, *, steps: int = 6, begin: int = 0) -> torch.Tensor:
    """Train, and return weights, statistics and their average, flat."""
    batches = list(trial.pipeline.training_epoch(0))
    for i in range(begin, steps):
        trial.hooks.schedule(trial.optimizer, i / 6)
        step(*batches[i % len(batches)], 0.1)
    return _flat(trial)


def _flat(trial: Trial) -> torch.Tensor:
    assert trial.average is not None
    modules = (trial.network, trial.average)
    return torch.cat(
        [v.detach().double().flatten() for m in modules for v in m.state_dict().values()]
    )


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("optimizer", CAPTURABLE, ids=_name)
def test_rates_as_tensors_train_as_numbers_do(optimizer: Trick, *, moves: bool) -> None:
    """To single precision, in which a tensor has them, over schedules that move."""
    recipe = graph_recipe(optimizer, moves=moves)
    if moves and isinstance(optimizer, Sam):
        with pytest.raises(NotCapturable, match="weight decay"):
            _eager(recipe, tensors=True)
        return
    numbers = _weights(*_eager(recipe, tensors=False))
    tensors = _weights(*_eager(recipe, tensors=True))
    other = _weights(*_eager(graph_recipe(optimizer, moves=not moves), tensors=False))
    # A sign or a small second moment can flip on the last bit of a gradient.
    close = 1e-3 if isinstance(optimizer, Adam | AdamW | Lion | Muon) else 1e-5
    assert torch.allclose(numbers, tensors, rtol=1e-4, atol=close)
    if isinstance(optimizer, Sgd):
        assert (numbers - other).abs().max() > 10 * (numbers - tensors).abs().max()


@pytest.mark.parametrize("optimizer", BY_HOST, ids=_name)
def test_optimizers_that_step_by_the_host_say_so(optimizer: Trick) -> None:
    """They go step by step."""
    with pytest.raises(NotCapturable, match="numbers of the host"):
        _eager(graph_recipe(optimizer), tensors=True)


@pytest.mark.parametrize("begin", [0, 3], ids=["fresh", "under_way"])
@pytest.mark.parametrize("optimizer", [*CAPTURABLE, *BY_HOST], ids=_name)
def test_steps_that_are_put_back_leave_no_trace(optimizer: Trick, begin: int) -> None:
    """Bit for bit, on a network with dropout, at the start and later."""
    recipe = graph_recipe(optimizer)
    tricks = {"dropout": Dropout(0.3, wider_than=8), "clipping": GradientClipping(1.0)}
    recipe = dataclasses.replace(recipe, tricks={**recipe.tricks, **tricks})
    tensors = optimizer in CAPTURABLE
    outcomes = []
    for way in ("untouched", "restored", "in place"):
        trial, step = _eager(recipe, tensors=tensors)
        torch.manual_seed(5)
        _weights(trial, step, steps=begin)
        if way != "untouched":
            rewind = Rewind(trial.network, trial.optimizer, trial.average, trial.device)
            before = _flat(trial)
            address = next(trial.network.parameters()).data_ptr()
            step(*next(iter(trial.pipeline.training_epoch(1))), 0.5)
            assert not torch.equal(before, _flat(trial))
            if way == "restored" or not tensors:
                rewind.restore()
            else:
                rewind.restore_in_place()
            assert torch.equal(before, _flat(trial))
            assert next(trial.network.parameters()).data_ptr() == address
        outcomes.append(_weights(trial, step, begin=begin))
    assert torch.equal(outcomes[0], outcomes[1])
    assert torch.equal(outcomes[0], outcomes[2])


def _refuse(eager: EagerStep, images: torch.Tensor, targets: torch.Tensor) -> Step:
    eager(images, targets, 0.5)  # as a warm-up does
    raise NotCapturable("a step waits for the device: called item")


def _itself(eager: EagerStep, images: torch.Tensor, targets: torch.Tensor) -> Step:
    eager(images, targets, 0.5)
    return eager


@pytest.mark.parametrize(
    ("mode", "problem", "steps", "capture", "why"),
    [
        ("off", None, 1000, _itself, "eager: runtime.cuda_graphs=off"),
        ("on", "images change their size", 1000, _itself, "eager: images change their size"),
        ("auto", None, MIN_STEPS - 1, _itself, "eager: 199 steps are too few for a graph"),
        ("auto", None, 1000, _refuse, "eager: a step waits for the device: called item"),
        ("on", None, 3, _refuse, "eager: a step waits for the device: called item"),
        ("on", None, 3, _itself, "graph: runtime.cuda_graphs=on"),
        ("auto", None, MIN_STEPS, _itself, "graph: runtime.cuda_graphs=auto"),
    ],
)
def test_a_choice_says_why_and_changes_nothing(
    mode: str,
    problem: str | None,
    steps: int,
    capture: object,
    why: str,
) -> None:
    """Whatever is tried out, training starts from where it stood."""
    recipe = graph_recipe(Sgd(0.05))
    whole = _weights(*_eager(recipe, tensors=True))
    trial, eager = _eager(recipe, tensors=True)
    batch = next(iter(trial.pipeline.training_epoch(0)))
    step, choice = choose_step(
        eager,
        *batch,
        mode=mode,
        problem=problem,
        steps=steps,
        capture=capture,  # type: ignore[arg-type]
    )
    assert why in str(choice)
    assert torch.equal(_weights(trial, step), whole)


def test_a_result_says_how_it_stepped(tmp_path: Path) -> None:
    """On a CPU there is nothing to choose from."""
    assert train(RECIPE, tmp_path).stepping == "eager"
