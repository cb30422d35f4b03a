"""How a trial steps: kernel by kernel, as a CUDA graph, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.cache import cache_folder
from darkmagic.trainers.runtime.memory import reset_peak_memory
from darkmagic.trainers.runtime.processes import processes
from darkmagic.trainers.step.compile import compile_if_faster
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.eager import EagerStep, Step
from darkmagic.trainers.step.shared.step import SharedStep
from darkmagic.trainers.step.tensor_schedule import NotCapturable, TensorSchedule, prepare_optimizer

__all__ = ["Capture", "Choice", "choose", "choose_step", "describe", "make_eager"]

MIN_STEPS = 200
"""Of a trial that is worth a capture, which takes as long as some ten steps."""
NO_GPU = "there is no GPU"

Capture = Callable[[EagerStep, Tensor, Tensor], Step]


class Choice(NamedTuple):
    """`used` is eager or graph; `why` is for the trial's log."""

    used: str
    why: str

    def __str__(self) -> str:
        return f"{self.used}: {self.why}"


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
            problem = trial.hooks.graph_problem
            if trial.scale is not None and not trial.scale.decides_there:
                problem = "in fp16 this optimizer waits to hear whether a gradient overflowed"
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
        schedule=schedule,
        scale=trial.scale,
        pieces=trial.recipe.gradient_accumulation,
    )
    return eager, problem


def choose(trial: Trial, epoch: int, steps: int, log: EventLog | None = None) -> tuple[Step, str]:
    """Return how to take the trial's `steps` from `epoch` on, and the words for it.

    Why a graph was taken or not is an event of `log`. Raises `CaptureFailed`.
    """
    eager, problem = make_eager(trial)
    recipe, them = trial.recipe, processes()
    if them.count > 1:
        return SharedStep.of(eager, them), f"eager, in {them.count} processes"
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
    if choice.used != "graph":
        reset_peak_memory(trial.device)  # a graph's begins with its capture
    reason = f"{choice}; {found['compile']}" if recipe.compile else str(choice)
    if log is not None:
        log.append({**found, **choice._asdict()})
    return step, reason


def choose_step(
    eager: EagerStep,
    images: Tensor,
    targets: Tensor,
    *,
    mode: str,
    problem: str | None,
    steps: int,
    capture: Capture,
) -> tuple[Step, Choice]:
    """Return how to take a trial's `steps`, and why. Steps taken to find out leave no trace.

    `mode` is auto (a graph, of trials that are long enough), on (a graph) or off. `problem` says
    why there can be no graph, if something does. Nothing is measured: a graph's kernels are those
    of single launches, so that it is never slower, and trials of one recipe step alike whatever
    runs beside them.
    """
    if mode == "off":
        problem = "runtime.cuda_graphs=off"
    elif problem is None and mode == "auto" and steps < MIN_STEPS:
        problem = f"{steps} steps are too few for a graph"
    if problem is not None:
        return eager, Choice("eager", problem)
    rewind = eager.rewind()
    try:
        graph = capture(eager, images, targets)
    except NotCapturable as finding:
        rewind.restore()
        return eager, Choice("eager", str(finding))
    rewind.restore_in_place()
    return graph, Choice("graph", f"runtime.cuda_graphs={mode}")


def describe(step: Step, reason: str) -> str:
    """Return `reason`, with the batches that did not fit the graph."""
    odd = step.odd_batches if isinstance(step, GraphedStep) else 0
    return f"{reason}; {odd} batches of another shape eagerly" if odd else reason


def _first_batch(trial: Trial, epoch: int) -> tuple[Tensor, Tensor]:
    """Return the batch that training is about to begin with; it is drawn anew then."""
    batches = trial.pipeline.training_epoch(epoch)
    images, targets = next(batches)
    batches.close()  # type: ignore[attr-defined]
    return images, targets
