"""One trial's epoch beside airbench's loop, a plain loop and Lightning, with this Python alone.

    python tests/gpu/beside.py [--images 12800] [--turns 3] [--workers 0 8]
    python tests/gpu/beside.py --device cpu --quick

The sides of `tests/benchmarks/one_trial.py` without environments of their own, which a machine
without a package index cannot make, and with enough steps that a graph is tried.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from harness.peers import FOLDER, Peer

SIDES = {
    "ours": ("darkmagic_loop.py", False),
    "airbench": ("airbench_loop.py", False),
    "plain loop": ("plain_loop.py", True),
    "Lightning": ("lightning_loop.py", True),
}


def main() -> None:
    """Measure in turn and print medians, and ours over theirs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="*", default=[8], help="of peers that load")
    parser.add_argument("--augmentations", nargs="*", default=["standard", "autoaugment"])
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=list(SIDES))
    options = parser.parse_args()
    if options.quick:
        options.images, options.batch, options.depth = 64, 16, 8
        options.turns, options.workers = 1, [0]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, [str(FOLDER), os.getenv("PYTHONPATH")]))}
    if options.device == "cpu":
        env |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    for augmentation in options.augmentations:
        with ExitStack() as stack:
            rates = measure(calls(options, augmentation, env, stack), options.turns, augmentation)
        ours = statistics.median(rates["ours"])
        for label, found in rates.items():
            rate = statistics.median(found)
            print(
                f"{augmentation}: {label:24} {rate:10,.0f} images/s "
                f"({min(found):,.0f} to {max(found):,.0f}), ours is {ours / rate:.2f} times it",
                flush=True,
            )


def calls(
    options: argparse.Namespace, augmentation: str, env: dict[str, str], stack: ExitStack
) -> dict[str, Callable[..., dict[str, float]]]:
    """Return by side what trains an epoch there, each in a process that ends with `stack`."""
    size = {"depth": options.depth, "count": options.images, "batch": options.batch}
    found: dict[str, Callable[..., dict[str, float]]] = {}
    for name in options.sides:
        script, loads = SIDES[name]
        if name == "airbench" and augmentation != "standard":
            continue
        peer = stack.enter_context(Peer(script, sys.executable, **env))
        for workers in options.workers if loads else [0]:
            label = f"{name}, {workers} loading" if loads else name
            found[label] = partial(peer.call, "rate", workers=workers, channels_last=True, **size)
    return found


def measure(
    sides: dict[str, Callable[..., dict[str, float]]], turns: int, augmentation: str
) -> dict[str, list[float]]:
    """Return images/s of each side by turn, after a first turn that warms up."""
    rates: dict[str, list[float]] = {}
    for turn in range(turns + 1):
        for label, call in list(sides.items()):
            try:
                found = call(augmentation=augmentation)
            except RuntimeError as error:
                print(f"{label}: {str(error).strip().splitlines()[-1]}", flush=True)
                del sides[label]
                continue
            if turn:
                rates.setdefault(label, []).append(found["rate"])
    return rates


if __name__ == "__main__":
    main()
