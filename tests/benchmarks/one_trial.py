"""One trial beside the loops that a user would write or pick instead: images/s of training.

    python tests/benchmarks/one_trial.py [--repeats N] [--images N] [--quick] [--json] [--results]
    python tests/benchmarks/one_trial.py --peers "plain loop" Lightning --workers 8    # on a GPU

Every side trains the same ResNet on the same uint8 images of CIFAR's size in memory, with the
same batch, precision, crop and flip, optimizer and schedule, once with AutoAugment's policy and
once without, each in a process of its own with the same threads. What a side picks itself is its
loader, its policy's implementation, and its memory format: peers are measured as their scripts are,
channels first, and again with their channels last, which is our choice; and with the fastest of
the numbers of loading processes given, measured first. Their clock starts after an epoch's first
batch, so that the start of their loaders does not count; ours times the epoch. Goals: 1.2 times the
best peer on a CPU; on a GPU 3 times Lightning and the plain loop, and 0.95 times airbench's loop.
Peers with channels last have no goal: they show what else is ours. `--quick` is for a gate: the
plain loop alone and a smaller network.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

import darkmagic.trainers
from harness.machine import versions
from harness.peers import FOLDER, Peer, find_python
from harness.table import Row, arguments, compared, publish, unmeasured
from harness.turns import take_turns

GPU = torch.cuda.is_available()
OURS, PLAIN, LIGHTNING, TIMM, AIRBENCH = "ours", "plain loop", "Lightning", "timm", "airbench"
SCRIPTS = {
    OURS: "darkmagic_loop.py",
    PLAIN: "plain_loop.py",
    LIGHTNING: "lightning_loop.py",
    TIMM: "timm_loop.py",
    AIRBENCH: "airbench_loop.py",
}
LAST = ", channels last"
GOALS = {PLAIN: 3.0, LIGHTNING: 3.0, TIMM: 1.2, AIRBENCH: 0.95} if GPU else {}
# Lightning without its dependencies, which this project's own environment has.
LIGHTNING_PACKAGES = ["--no-deps", "lightning", "lightning-utilities", "torchmetrics"]
AUGMENTATIONS = ("standard", "autoaugment")
UNMEASURED = {"why": "no GPU", "at_least": 0.95}
NOISE = 0.05  # of accuracy beyond what seeds explain: sides draw other crops and orders


def kind(name: str) -> str:
    """Return which of the peers a side is, whatever its memory format."""
    return name.removesuffix(LAST)


class Sides:
    """The processes of all sides, and what each was found to be best at."""

    def __init__(self, names: list[str], options: argparse.Namespace, stack: ExitStack) -> None:
        package = Path(next(iter(darkmagic.trainers.__path__))).parents[1]
        env = {
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(FOLDER), str(package), os.getenv("PYTHONPATH")])
            ),
            "OMP_NUM_THREADS": str(options.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        pythons: dict[str, str] = {}
        if LIGHTNING in names:
            python = find_python("lightning", LIGHTNING_PACKAGES, beside_ours=True)
            assert python is not None, "no Lightning here, and no uv to install it: leave it out"
            pythons[LIGHTNING] = python
        self._processes = {
            name: stack.enter_context(
                Peer(SCRIPTS[kind(name)], pythons.get(kind(name), sys.executable), **env)
            )
            for name in names
        }
        self._size = {"depth": options.depth, "count": options.images, "batch": options.batch}
        self._workers, self._seeds = options.workers, range(options.seeds)
        self._settings: dict[tuple[str, str], dict[str, object]] = {}
        self.work: dict[str, dict[str, Any]] = {name: {} for name in names}

    def versions(self) -> dict[str, str]:
        """Return what the sides run, of their own environments too."""
        own = versions("torch", "torchvision", "timm")
        if LIGHTNING not in self._processes:
            return own
        return own | self._processes[LIGHTNING].call("installed")

    def choose(self, name: str, augmentation: str) -> None:
        """Find the number of loading processes that a peer is fastest with, either format's."""
        setting: dict[str, object] = {
            "workers": self._workers[0],
            "channels_last": name.endswith(LAST),
        }
        self._settings[name, augmentation] = setting
        if len(self._workers) == 1 or name in (OURS, AIRBENCH):
            return
        if name.endswith(LAST):
            setting["workers"] = self._settings[kind(name), augmentation]["workers"]
            return
        tried = {}
        for workers in self._workers:
            setting["workers"] = workers
            self.rate(name, augmentation)
            tried[workers] = self.rate(name, augmentation)
        setting["workers"] = max(tried, key=lambda count: tried[count])

    def rate(self, name: str, augmentation: str) -> float:
        """Train an epoch; return images/s."""
        setting = self._settings[name, augmentation]
        found = self._processes[name].call(
            "rate", augmentation=augmentation, **self._size, **setting
        )
        rate: float = found.pop("rate")
        self.work[name] |= found
        return rate

    def setting(self, name: str, augmentation: str) -> str:
        """Return in words what `choose` found."""
        setting = self._settings[name, augmentation]
        layout = "channels last" if setting["channels_last"] else "channels first"
        return f"{setting['workers']} loading processes, {layout}"

    def accuracies(self, name: str, epochs: int) -> list[float]:
        """Return the accuracy of each seed after training a small network."""
        small = {"depth": 8, "count": 640, "batch": 64, "epochs": epochs}
        call = partial(self._processes[name].call, "accuracy", **small)
        return [call(seed=seed) for seed in self._seeds]


def check_equal(
    work: Mapping[str, Mapping[str, Any]], accuracies: Mapping[str, list[float]]
) -> None:
    """Raise `AssertionError` unless the sides did the same work and learned as much."""
    for name, found in work.items():
        assert found == work[OURS], f"{name}: {found}, ours: {work[OURS]}"
    for name, values in accuracies.items():
        ours = accuracies[OURS]
        spread = max(statistics.stdev(values), statistics.stdev(ours))
        apart = abs(statistics.mean(values) - statistics.mean(ours))
        assert apart <= NOISE + 2 * spread, f"{name}: accuracies {values}, ours: {ours}"
        assert min(values) > 0.15, f"{name} learned nothing: {values}"


def main() -> None:
    """Measure, check and print."""
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=12_800 if GPU else 1024, help="in an epoch")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--depth", type=int, default=20, help="of the ResNet")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--epochs", type=int, default=5, help="that accuracy is compared after")
    parser.add_argument("--seeds", type=int, default=3, help="that accuracy is compared over")
    loops = [PLAIN, LIGHTNING, TIMM]
    every = [*loops, *[loop + LAST for loop in loops]]
    parser.add_argument("--peers", nargs="*", default=every, choices=every)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2], help="that peers try")
    parser.add_argument("--quick", action="store_true", help="for a gate: one peer, a small ResNet")
    options = parser.parse_args()
    peers = options.peers
    if options.quick:
        peers, options.depth, options.images, options.repeats = [PLAIN], 8, 512, 3
        options.epochs, options.seeds, options.workers = 3, 2, [0]
    with ExitStack() as stack:
        sides = Sides([OURS, *peers, *[AIRBENCH] * GPU], options, stack)
        rows = measure(sides, peers, options)
        publish("one_trial", rows, sides.versions(), options)


def measure(sides: Sides, peers: list[str], options: argparse.Namespace) -> list[Row]:
    """Return a row for each augmentation and peer."""
    rows = []
    accuracies = {
        name: sides.accuracies(name, options.epochs)
        for name in sides.work
        if not name.endswith(LAST)
    }
    for augmentation in AUGMENTATIONS[:1] if options.quick else AUGMENTATIONS:
        here = [OURS, *peers, *[AIRBENCH] * (GPU and augmentation == "standard")]
        for name in here:
            sides.choose(name, augmentation)
        turns = {name: partial(sides.rate, name, augmentation) for name in here}
        measured = take_turns(turns, repeats=options.repeats)
        check_equal(sides.work, accuracies)
        what = f"train ResNet-{options.depth}, batch {options.batch}, {augmentation}"
        rows += [
            compared(
                what,
                name,
                "images/s",
                measured[OURS],
                measured[name],
                at_least=None if name.endswith(LAST) else GOALS.get(name, 1.2),
                note=sides.setting(name, augmentation),
                equal_work={
                    **sides.work[name],
                    "accuracy": accuracies[kind(name)],
                    "our_accuracy": accuracies[OURS],
                },
            )
            for name in here[1:]
        ]
        if not GPU and augmentation == "standard":
            rows.append(unmeasured(what, AIRBENCH, "images/s", **UNMEASURED))
    return rows


if __name__ == "__main__":
    main()
