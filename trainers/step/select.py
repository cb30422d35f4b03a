"""How a trial steps, by measurement: kernel by kernel, as a CUDA graph, compiled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.step.eager import EagerStep, Step
from darkmagic.trainers.step.rewind import Rewind
from darkmagic.trainers.step.tensor_schedule import NotCapturable

__all__ = ["Capture", "Choice", "choose_step", "decide", "measure"]

PAYS = 1.05  # times as fast; less is noise, and a graph holds memory
FEWEST_STEPS = 200  # of a trial that is worth measuring
LONG_STEP = 0.05  # seconds; launches take a few milliseconds of a step
ROUNDS, STEPS = 3, 5

Capture = Callable[[EagerStep, Tensor, Tensor], Step]


@dataclass(frozen=True)
class Choice:
    """`used` is eager or graph; `why` is for the trial's log. Seconds a step, where measured."""

    used: str
    why: str
    eager_seconds: float | None = None
    graph_seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.used}: {self.why}"


def decide(eager_seconds: float, graph_seconds: float) -> Choice:
    """Return the faster of the two; eager where it is close."""
    times = eager_seconds / graph_seconds
    used = "graph" if times >= PAYS else "eager"
    why = f"a graph is {times:.2f} times as fast as single launches"
    return Choice(used, why, eager_seconds, graph_seconds)


def measure(step: Step, images: Tensor, targets: Tensor, device: torch.device) -> float:
    """Return the seconds that a step takes, of `STEPS` in a row."""
    synchronize(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        step(images, targets, 0.0)
    synchronize(device)
    return (time.perf_counter() - started) / STEPS


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

    `mode` is auto (what is faster), on (a graph where one can be had) or off. `problem` says
    why there can be no graph, if something does.
    """
    if mode == "off":
        problem = "runtime.cuda_graphs=off"
    elif problem is None and mode == "auto" and steps < FEWEST_STEPS:
        problem = f"{steps} steps are too few to measure"
    if problem is not None:
        return eager, Choice("eager", problem)
    rewind = Rewind(eager.network, eager.optimizer, eager.average, eager.device)
    try:
        if mode == "auto":
            _refuse_long(eager, images, targets)
        graph = capture(eager, images, targets)
    except NotCapturable as finding:
        rewind.restore()
        return eager, Choice("eager", str(finding))
    choice = Choice("graph", "runtime.cuda_graphs=on")
    if mode == "auto":
        choice = _race(eager, graph, images, targets)
    if choice.used == "graph":
        rewind.restore_in_place()
        return graph, choice
    rewind.restore()
    return eager, choice


def _refuse_long(eager: EagerStep, images: Tensor, targets: Tensor) -> None:
    """Raise `NotCapturable` for steps beside which launches are nothing."""
    measure(eager, images, targets, eager.device)  # warms up
    seconds = measure(eager, images, targets, eager.device)
    if seconds > LONG_STEP:
        raise NotCapturable(
            f"a step takes {1000 * seconds:.0f} ms, of which launches are a small part"
        )


def _race(eager: EagerStep, graph: Step, images: Tensor, targets: Tensor) -> Choice:
    """Measure both in turn, and decide by the best of each."""
    pairs = [
        [measure(step, images, targets, eager.device) for step in (eager, graph)]
        for _ in range(ROUNDS)
    ]
    return decide(min(pair[0] for pair in pairs), min(pair[1] for pair in pairs))
