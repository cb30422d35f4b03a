"""From a prepared trial to its step: what there is to choose from, and what was chosen."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from darkmagic.trainers.outputs.event_log import EventLog, cache_folder
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.step.compile import compile_if_faster
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.eager import EagerStep, Step
from darkmagic.trainers.step.select import choose_step
from darkmagic.trainers.step.tensor_schedule import NotCapturable, TensorSchedule, prepare_optimizer

__all__ = ["choose", "describe", "make_eager"]

NO_GPU = "there is no GPU"


def make_eager(trial: Trial) -> tuple[EagerStep, str | None]:
    """Return the trial's step, and why it could not be captured, if something speaks against.

    On a GPU rates are tensors where the optimizer takes them so, whether there will be a graph
    or not: both then compute the same.
    """
    schedule: TensorSchedule | None = None
    problem: str | None = NO_GPU
    if trial.device.type == "cuda":
        prepare_optimizer(trial.optimizer, trial.device)
        try:
            schedule = TensorSchedule(
                trial.optimizer, trial.device, decay_moves=trial.hooks.decay_moves
            )
            problem = "images change their size" if trial.hooks.resizes else None
        except NotCapturable as finding:
            problem = str(finding)
    eager = EagerStep(
        network=trial.network,
        forward=trial.network,
        optimizer=trial.optimizer,
        hooks=trial.hooks,
        average=trial.average,
        device=trial.device,
        amp=trial.recipe.amp,
        clip_grad_norm=trial.recipe.clip_grad_norm,
        schedule=schedule,
    )
    return eager, problem


def choose(trial: Trial, epoch: int, steps: int, log: EventLog | None = None) -> tuple[Step, str]:
    """Return how to take the trial's `steps` from `epoch` on, and the words for it.

    What was measured, and why a graph was not taken, is an event of `log`.
    """
    eager, problem = make_eager(trial)
    recipe = trial.recipe
    if problem == NO_GPU and not recipe.compile:
        return eager, "eager"
    trial.network.train()
    images, targets = _first_batch(trial, epoch)
    found: dict[str, Any] = {"type": "stepping"}
    if recipe.compile:
        cache = cache_folder(recipe.cache)
        eager, found["compile"] = compile_if_faster(eager, images, targets, cache)
    step, choice = choose_step(
        eager,
        images,
        targets,
        mode=recipe.cuda_graphs,
        problem=problem,
        steps=steps,
        capture=GraphedStep,
    )
    words = f"{choice}; {found['compile']}" if recipe.compile else str(choice)
    if log is not None:
        seconds = {
            "eager_seconds": choice.eager_seconds,
            "graph_seconds": choice.graph_seconds,
        }
        log.append({**found, "used": choice.used, "why": choice.why, **seconds})
    return step, words


def describe(step: Step, words: str) -> str:
    """Return `words`, with the batches that did not fit the graph."""
    odd = step.odd_batches if isinstance(step, GraphedStep) else 0
    return f"{words}; {odd} batches of another shape eagerly" if odd else words


def _first_batch(trial: Trial, epoch: int) -> tuple[Tensor, Tensor]:
    """Return the batch that training is about to begin with; it is drawn anew then."""
    batches = trial.pipeline.training_epoch(epoch)
    images, targets = next(batches)
    batches.close()  # type: ignore[attr-defined]
    return images, targets
