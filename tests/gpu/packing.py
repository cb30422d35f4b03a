"""How many trials of a workload pay on one GPU, and in which way they share it.

    python tests/gpu/packing.py [--workload 0] [--counts 1 8 16] [--seconds S]
    python tests/gpu/packing.py --device cpu --quick

Plain processes and MPS as `sweeps.launch.local.sharing.calibrate` measures them, stepping as
`cuda_graphs=auto` chooses; and trials of one process, a graph and a stream each, which needs no
MPS. Images are drawn once and in milliseconds, so that nothing but training is counted. Prints
steps a second, summed, and how many times one trial that is.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from darkmagic.sweeps.launch.devices import Lease, make_leases
from darkmagic.sweeps.launch.local.sharing.calibrate import CalibrationError, measure_together
from darkmagic.sweeps.launch.local.sharing.mps import SHARE, MpsUnavailable, mps_server
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.select import make_eager
from workloads import WORKLOADS, make_recipe


def trial_recipe(resolved: Mapping[str, Any]) -> Any:
    """Make the trial, in the child."""
    return make_recipe(cuda_graphs="auto", **resolved)


def processes(options: argparse.Namespace, work: dict[str, Any]) -> float:
    """Measure processes, plain and under MPS; return the rate of one alone."""
    lease = Lease("cpu", 1) if work["device"] == "cpu" else make_leases("auto", 1)[0]
    cores = lease.threads
    with contextlib.ExitStack() as stack:
        ways: dict[str, Mapping[str, str]] = {"plain": {}}
        if work["device"] != "cpu":
            try:
                ways["MPS"] = stack.enter_context(mps_server())
                for share in options.shares:
                    ways[f"MPS, {share} % of the SMs each"] = {**ways["MPS"], SHARE: str(share)}
            except MpsUnavailable as finding:
                print(finding)
        alone = 0.0
        for way, env in ways.items():
            counts = options.counts
            if len(ways) > 1 and way == "plain":
                counts = counts[:2]  # processes that take turns: two tell
            elif SHARE in env:
                counts = counts[-1:]
            for count in counts:
                share = Lease(lease.device, max(1, cores // count), {**lease.extra, **env})
                try:
                    rates, start = measure_together(
                        work, share, count, options.seconds, trial_recipe
                    )
                except CalibrationError as error:
                    print(f"{way}, {count} at once: {error}", flush=True)
                    continue
                rate = sum(each.steps_per_second for each in rates)
                alone = alone or rate
                spread = [round(each.steps_per_second) for each in rates]
                memory = max(each.memory for each in rates) / 2**20
                print(f"{way}, {count} at once: {rate:,.0f} steps/s, {rate / alone:.2f} times one; "
                      f"{min(spread)} to {max(spread)} a trial; {memory:.0f} MiB a trial; "
                      f"{start:.1f} s to start", flush=True)  # fmt: skip
    return alone


def streams(options: argparse.Namespace, work: dict[str, Any], alone: float) -> None:
    """Measure trials of this process, each with a graph and a stream of its own."""
    trials: list[Streamed] = []
    for count in options.counts:
        trials += [Streamed.make(work, seed) for seed in range(len(trials), count)]
        for fixed in (True, False):
            taken, started = 0, time.perf_counter()
            while time.perf_counter() - started < options.seconds:
                for _ in range(10):
                    for trial in trials:
                        trial.take(fixed=fixed)
                torch.cuda.synchronize()
                taken += 10 * count
            rate = taken / (time.perf_counter() - started)
            what = "one batch" if fixed else "with batches"
            print(
                f"streams, {count} at once, {what}: {rate:,.0f} steps/s, "
                f"{rate / alone:.2f} times one process",
                flush=True,
            )


@dataclass(frozen=True)
class Streamed:
    """A trial whose steps are a graph that replays on a stream of its own."""

    step: GraphedStep
    batch: tuple[Tensor, Tensor]
    batches: Iterator[tuple[Tensor, Tensor]]
    stream: torch.cuda.Stream

    @classmethod
    def make(cls, work: dict[str, Any], seed: int) -> Self:
        """Prepare and capture trial `seed` of `work`."""
        trial = Trial.prepare(make_recipe(**work, seed=seed))
        trial.network.train()
        trial.hooks.schedule(trial.optimizer, 0.3)
        batch = next(trial.pipeline.training_epoch(0))
        step = GraphedStep(make_eager(trial)[0], *batch)
        return cls(step, batch, trial.pipeline.endless(), torch.cuda.Stream())

    def take(self, *, fixed: bool) -> None:
        """Take a step, on the first batch again if `fixed`."""
        with torch.cuda.stream(self.stream):
            self.step(*(self.batch if fixed else next(self.batches)), None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--workload", type=int, default=0)
    parser.add_argument("--counts", type=int, nargs="*", default=[1, 2, 4, 8, 16])
    parser.add_argument("--shares", type=int, nargs="*", default=[], help="percent of the SMs")
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    if options.quick:
        options.counts, options.seconds = [1, 2], min(options.seconds, 0.2)
    device = "cuda" if options.device == "auto" and torch.cuda.is_available() else "cpu"
    work = {"workload": list(WORKLOADS)[options.workload], "device": device, "quick": options.quick}
    print(work["workload"])
    alone = processes(options, work)
    if device == "cuda":
        streams(options, work, alone)


if __name__ == "__main__":
    main()
