"""One training step as single launches, as a CUDA graph, compiled, and as a graph of that.

    python tests/benchmarks/cuda_graphs.py [--repeats N] [--json] [--results]
    python tests/benchmarks/cuda_graphs.py --device cpu --quick   # compiling alone, no GPU

Images a second of the step itself, on one batch on the device. Goals: a graph at least 2 times
single launches where a step is launch-bound (ResNet-20, batch 128), and no slower than them for
ResNet-18, batch 512, which is not; `auto` is to take the faster. Compiling has no goal.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.step import compile as compilation
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.eager import Step
from darkmagic.trainers.step.select import make_eager
from harness.cifar_trials import WORKLOADS, make_recipe
from harness.machine import versions
from harness.table import Row, arguments, compared, publish, unmeasured
from harness.turns import Measured, take_turns

GOALS = dict(zip(WORKLOADS, (2.0, 0.98), strict=True))
GRAPH, COMPILED, BOTH = "graph", "compiled", "graph of compiled"


def main() -> None:
    """Measure and publish."""
    import torch

    parser = arguments(__doc__)
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn of each side")
    parser.add_argument(
        "--without-compiling", action="store_true", help="which takes a minute a workload"
    )
    options = parser.parse_args()
    has_gpu = torch.cuda.is_available() and options.device == "auto"
    rows = []
    for workload in WORKLOADS:
        if has_gpu or options.device == "cpu":
            rows += _measure(workload, options, "cuda" if has_gpu else "cpu")
        if not has_gpu:
            absent = (GRAPH, BOTH) if options.device == "cpu" else (GRAPH, COMPILED, BOTH)
            rows += [
                unmeasured(workload, f"single launches, against {side}", "images/s",
                           at_least=_goal(workload, side), why="no GPU")
                for side in absent
            ]  # fmt: skip
    publish("cuda_graphs", rows, versions("torch", "torchvision"), options)


def _goal(workload: str, side: str) -> float | None:
    return GOALS[workload] if side == GRAPH else None


def _measure(workload: str, options: argparse.Namespace, device: str) -> list[Row]:
    with TemporaryDirectory() as cache:
        trial = Trial.prepare(
            make_recipe(
                workload, seed=0, images=2000, epochs=100, device=device, quick=options.quick
            )
        )
        trial.network.train()
        trial.hooks.schedule(trial.optimizer, 0.0)
        images, targets = next(iter(trial.pipeline.training_epoch(0)))
        eager, problem = make_eager(trial)
        steps: dict[str, Step] = {"eager": eager}
        words = ""
        if device == "cuda":
            assert problem is None, problem
            steps[GRAPH] = GraphedStep(eager, images, targets)
        if not options.without_compiling:
            compilation.MIN_SPEEDUP = 0.0  # measured here, so it is to be kept
            compiled, words = compilation.compile_if_faster(eager, images, targets, Path(cache))
            steps[COMPILED] = compiled
            if device == "cuda":
                steps[BOTH] = GraphedStep(compiled, images, targets)
        sides = {
            name: _rate(step, images, targets, options.seconds / (5 if options.quick else 1))
            for name, step in steps.items()
        }
        measured = take_turns(sides, repeats=options.repeats)
    return [
        _row(
            workload + (" (quick: tiny)" if options.quick else ""), name, measured, workload, words
        )
        for name in steps
        if name != "eager"
    ]


def _row(what: str, side: str, measured: dict[str, Measured], workload: str, words: str) -> Row:
    return compared(
        f"{what}: {side}",
        "single launches",
        "images/s",
        measured[side],
        measured["eager"],
        at_least=_goal(workload, side),
        note=words if side != GRAPH else "",
    )


def _rate(step: Step, images: Tensor, targets: Tensor, seconds: float) -> Callable[[], float]:
    def run() -> float:
        taken, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            for _ in range(5):
                step(images, targets, None)
            synchronize(images.device)
            taken += 5
        return taken * len(images) / (time.perf_counter() - started)

    return run


if __name__ == "__main__":
    main()
