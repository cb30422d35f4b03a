"""Every option of every trick, and graphs against single launches, on a pretended GPU.

    bash tests/gpu/pretend/run.sh check_all.py [graphs] [options] [doubles]

Prints a line each, and ends with code 1 if a batch, a step or an evaluation failed or waited for
the device, if a graph trained other weights than single launches, or if a training needs float64,
which MPS has not.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

import test_contract
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.evaluate import evaluate
from darkmagic.trainers.metrics.names import METRICS as ALL_METRICS
from darkmagic.trainers.metrics.names import OURS
from darkmagic.trainers.metrics.values import metric_value
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.step.tensor_schedule import NotCapturable
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.optimizer import Adadelta, RmsProp, Sam, Sgd
from every_option import OPTIONS, contract
from findings import report
from graph_recipes import CAPTURABLE, HOOKS, graph_recipe
from pretend_gpu import pretended_gpu
from pretend_tensor import PretendMode

METRICS = [name for name in ALL_METRICS if name not in OURS]
FEW = 160
COUNT = 1200
"""Images, 800 of them to train on: two of the largest batches an epoch."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """`Shapes`, drawn once for all options."""

    count: int

    def load(self, split_seed: int) -> Data:
        """Return the splits."""
        return _draw(self.count, split_seed)


@functools.cache
def _draw(count: int, split_seed: int) -> Data:
    return Shapes(count=count).load(split_seed)


class Lookahead(Trick):
    """Slow weights, to which the fast ones return every five steps (Zhang et al. 2019)."""

    returns_average = True

    def average(self, step: int, steps: int, epoch_steps: int) -> float:
        del steps, epoch_steps
        return 0.5 if (step + 1) % 5 == 0 else 0.0


class ByHost(Trick):
    """Halves gradients by a number of the host."""

    host_gradients = True

    def transform_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad.mul_(0.5)


def check_graphs() -> list[str]:
    """Train as a graph and by single launches; return where the weights differ."""
    failed = []
    hooks = {**HOOKS, "Lookahead": {"ema": Trick(), "lookahead": Lookahead()}}
    cases: dict[str, tuple[Recipe, str]] = {}
    for optimizer in [*CAPTURABLE, RmsProp(), Adadelta()]:
        for moves in (False, True):
            name = f"{type(optimizer).__name__}, decay {'moves' if moves else 'stays'}"
            eager = moves and isinstance(optimizer, Sam)
            way = "eager: SAM takes its weight decay" if eager else "graph"
            cases[name] = graph_recipe(optimizer, moves=moves, device="cuda"), way
    plain = graph_recipe(Sgd(0.05, nesterov=True), device="cuda")
    for name, tricks in hooks.items():
        recipe = dataclasses.replace(plain, tricks={**plain.tricks, **tricks})
        cases[name] = recipe, "graph"
    by_host = dataclasses.replace(plain, tricks={**plain.tricks, "by_host": ByHost()})
    cases["by the host"] = by_host, "eager: by_host changes gradients by numbers of the host"
    for name, (recipe, way) in cases.items():
        found = report(name, lambda recipe=recipe, way=way: _graph_finding(recipe, way))
        failed += [name] if found else []
    return failed


def _graph_finding(recipe: Recipe, way: str) -> str:
    """Return what is wrong with a recipe's graph; empty if it trains as single launches."""
    weights, steppings = {}, {}
    for mode in ("on", "off"):
        with tempfile.TemporaryDirectory() as folder:
            with pretended_gpu():
                chosen = dataclasses.replace(recipe, cuda_graphs=mode, amp="off")
                steppings[mode] = train(chosen, Path(folder)).stepping
            checkpoint = load_checkpoint(Path(folder))
        assert checkpoint is not None
        weights[mode] = {
            (part, name): value.double()
            for part in ("model", "average")
            for name, value in (checkpoint[part] or {}).items()
        }
    if not steppings["on"].startswith(way):
        return f"it is to step by {way}, and steps by {steppings['on']}"
    apart = max((weights["off"][k] - v).abs().max().item() for k, v in weights["on"].items())
    return f"weights are {apart} apart" if apart > 0 else ""


def check_options() -> list[str]:
    """Take a step of every option of every trick; return those that fail or wait."""
    return [
        f"{trick}={option}"
        for trick, option in OPTIONS
        if report(
            f"{trick}={option}",
            lambda trick=trick, option=option: _option_finding(trick, option),
        )
    ]


def _option_finding(trick: str, option: str) -> str:
    changed = {**contract(trick).get("beside", {}), trick: option}
    with tempfile.TemporaryDirectory() as folder:
        tricks = test_contract._tricks(Path(folder), **changed)
        recipe = test_contract._recipe(tricks, "cuda", trick)
        recipe = dataclasses.replace(recipe, dataset=Drawn(COUNT))
        with pretended_gpu() as mode:
            trial = Trial.prepare(recipe)
            waits, words = _waits(trial, mode)
    print(f"  {trick}={option}: {words}", flush=True)
    return "; ".join(f"{part} waits: {found}" for part, found in waits.items() if found)


def _waits(trial: Trial, mode: PretendMode) -> tuple[Mapping[str, list[str]], str]:
    """Return what waits for the device, by part of a training, and how the trial steps."""
    trial.network.train()
    trial.hooks.schedule(trial.optimizer, 0.3)
    batches = trial.pipeline.training_epoch(0)
    next(batches)  # tables of the augmentations go to the device with the first
    mode.clear()
    images, targets = next(batches)
    waits = {"a batch": list(mode.waits)}
    words = f"a batch {mode.launches.total()} launches"
    eager, problem = make_eager(trial)
    eager(images, targets, 0.1)
    mode.clear()
    eager(images, targets, 0.1)
    waits["a step"] = [] if problem else list(mode.waits)
    words += f", a step {mode.launches.total()}, "
    if problem is None:
        try:
            GraphedStep(eager, images, targets)(images, targets, 0.1)
            words += "captured"
        except NotCapturable as finding:
            waits["a capture"] = [str(finding)]
    else:
        words += f"eager: {problem}; {len(mode.waits)} waits"
    mode.clear()
    evaluate(trial.network, trial.pipeline.validation(), trial.device, "off")
    return waits, f"{words}; an evaluation waits {len(mode.waits)} times"


def check_doubles() -> list[str]:
    """Train by every option of every trick without float64; return those that cannot."""
    cases = {f"{trick}={option}": (trick, option) for trick, option in OPTIONS}
    return [
        name
        for name, (trick, option) in cases.items()
        if report(name, lambda trick=trick, option=option: _doubles_finding(trick, option))
    ] + [
        name
        for name in METRICS
        if report(f"metric={name}", lambda name=name: _metric_finding(name))
    ]


def _doubles_finding(trick: str, option: str) -> str:
    changed = {**contract(trick).get("beside", {}), trick: option}
    with tempfile.TemporaryDirectory() as folder:
        tricks = test_contract._tricks(Path(folder), **changed)
        recipe = test_contract._recipe(tricks, "cuda", trick)
        recipe = dataclasses.replace(
            recipe, dataset=Drawn(FEW), cuda_graphs="off", amp="off", epochs=1
        )
        with pretended_gpu() as mode:
            mode.refuse_doubles = True
            train(recipe, Path(folder))
    return ""


def _metric_finding(name: str) -> str:
    """Say where a metric of logits is another on a device without float64."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 8, generator=generator)
    several = (torch.rand(64, 8, generator=generator) < 0.3).long()
    one = torch.randint(8, (64,), generator=generator)
    for truth in (one, several) if name != "top5" else (one,):
        expected = metric_value(name, logits, truth)
        with pretended_gpu() as mode:
            mode.refuse_doubles = True
            found = metric_value(name, logits.to("cuda"), truth.to("cuda"))
        if abs(found - expected) > 1e-6:
            return f"{found}, and {expected} on the CPU"
    return ""


def main() -> None:
    """Run the checks that are asked for, all by default."""
    torch.set_num_threads(1)
    checks = {"graphs": check_graphs, "options": check_options, "doubles": check_doubles}
    failed = [name for check in sys.argv[1:] or checks for name in checks[check]()]
    sys.exit(f"{len(failed)} failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
