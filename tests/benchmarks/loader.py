"""The share of a training step that loading and augmentation take.

    python tests/benchmarks/loader.py [--repeats N] [--images N] [--quick] [--json] [--results]

The step of `train` with its whole pipeline, with and without AutoAugment, and the same step with
one batch that lies on the device, in turn; the share is how much longer the first takes. Goals on
a GPU: 5 %, and 15 % with AutoAugment. On a CPU, where a step waits for its batch, the note says
what it waited: the difference of two epochs drowns in the noise of a shared machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

import darkmagic.trainers
from harness.machine import versions
from harness.peers import FOLDER, Peer
from harness.table import Row, arguments, publish, unmeasured
from harness.turns import Measured, take_turns

GPU = torch.cuda.is_available()
FIXED, STANDARD, POLICY = "fixed batch", "standard", "autoaugment"
GOALS = {STANDARD: 0.05, POLICY: 0.15}


class Sides:
    """The steps of one process; `waited` holds what each waited for batches, as a share."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        package = Path(next(iter(darkmagic.trainers.__path__))).parents[1]
        env = {
            "PYTHONPATH": os.pathsep.join([str(FOLDER), str(package)]),
            "OMP_NUM_THREADS": str(options.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        self._process = stack.enter_context(Peer("darkmagic_loop.py", sys.executable, **env))
        self._size = {"depth": options.depth, "count": options.images, "batch": options.batch}
        self.waited: dict[str, list[float]] = {FIXED: [], STANDARD: [], POLICY: []}

    def step(self, name: str) -> float:
        """Return seconds a step."""
        found = self._process.call(
            "step_seconds", **self._size, augmentation=name, fixed=name == FIXED
        )
        self.waited[name].append(found["waited"] / found["step"])
        seconds: float = found["step"]
        return seconds


def row(name: str, options: argparse.Namespace, full: Measured, fixed: Measured, note: str) -> Row:
    """Return the row of one augmentation; a CPU has no goal."""
    pairs = zip(full.samples, fixed.samples, strict=True)
    share = Measured(tuple(1 - without / whole for whole, without in pairs))
    low, high = share.spread
    device = "GPU" if GPU else "CPU"
    return Row(
        what=f"loader and augmentation, {name}, ResNet-{options.depth}, {device}",
        peer="the same step on one fixed batch",
        unit="share of a step",
        ours=full.median,
        theirs=fixed.median,
        value=share.median,
        low=low,
        high=high,
        at_most=GOALS[name] if GPU else None,
        note=note,
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=50_000 if GPU else 768, help="in an epoch")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--depth", type=int, default=20, help="of the ResNet")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="for a gate: a smaller ResNet")
    options = parser.parse_args()
    if options.quick:
        options.depth, options.images, options.repeats = 8, 512, 3
    with ExitStack() as stack:
        sides = Sides(options, stack)
        turns = {name: partial(sides.step, name) for name in sides.waited}
        measured = take_turns(turns, repeats=options.repeats)
    rows = []
    for name, goal in GOALS.items():
        waited = statistics.median(sides.waited[name])
        note = "" if GPU else f"waited for batches {waited:.1%} of the step; no goal on a CPU"
        rows.append(row(name, options, measured[name], measured[FIXED], note))
        if not GPU:
            what = f"loader and augmentation, {name}, GPU"
            peer = "the same step on one fixed batch"
            rows.append(unmeasured(what, peer, "share of a step", at_most=goal, why="no GPU"))
    publish("loader", rows, versions("torch", "torchvision"), options)


if __name__ == "__main__":
    main()
