"""Where the time of a training step goes on a GPU: every way to step, the batches, the launches.

    python tests/gpu/steps.py [--seconds S] [--compile] [--workloads 0 1 2]
    python tests/gpu/steps.py --device cpu --quick     # the same path, no figures worth reading

Prints a line a way: milliseconds a step, images a second, kernels a step, the share of the time in
which a kernel runs; then what a batch costs the host and the GPU, and how much longer a whole
step with its batches is than one on a batch that is there.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable

import torch
from torch import Tensor

from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.eager import EagerStep
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.step.tensor_schedule import NotCapturable
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.gradient_centralization import GradientCentralization
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.optimizer import AdamW, Muon, Sam, ScheduleFree, Sgd
from workloads import WORKLOADS, half_but_norms, loss_of, make_recipe

Run = Callable[[], object]


def seconds_a_run(run: Run, device: torch.device, seconds: float) -> float:
    """Return the best of three means, of runs that are waited for together."""
    run()
    best = float("inf")
    for _ in range(3):
        synchronize(device)
        taken, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds / 3:
            for _ in range(10):
                run()
            taken += 10
            synchronize(device)
        best = min(best, (time.perf_counter() - started) / taken)
    return best


def kernels(run: Run, device: torch.device, runs: int = 5) -> tuple[float, float]:
    """Return kernels a run, and the seconds a run in which they ran, summed."""
    if device.type != "cuda":
        return float("nan"), float("nan")
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    run()
    synchronize(device)
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(runs):
            run()
        synchronize(device)
    found = [e for e in seen.events() if e.device_type == DeviceType.CUDA]
    return len(found) / runs, sum(e.device_time for e in found) / runs / 1e6


def by_kernel(run: Run, runs: int = 5) -> list[tuple[str, float, float]]:
    """Return kernels by name, most time first: how many a run, and their seconds a run."""
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    for _ in range(3):
        run()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(runs):
            run()
        torch.cuda.synchronize()
    found: dict[str, list[float]] = {}
    for event in seen.events():
        if event.device_type == DeviceType.CUDA:
            found.setdefault(event.name, []).append(event.device_time / 1e6)
    sums = [(name, len(times) / runs, sum(times) / runs) for name, times in found.items()]
    return sorted(sums, key=lambda each: -each[2])


def airbench_step(trial: Trial, images: Tensor, classes: Tensor) -> Run:
    """Return airbench's step: half precision, no autocast, rates from the host, no graph."""
    network = half_but_norms(trial.network)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, nesterov=True, fused=True)
    half = images.half()

    def run() -> None:
        loss = loss_of(network(half), classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return run


def captured(run: Run) -> Run:
    """Return `run` as a graph, to see what is left when nothing is launched."""
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    with torch.cuda.graph(graph, stream=stream):
        run()
    return graph.replay


class Workload:
    """All ways to step of one workload, each measured for `seconds` on trials of its own."""

    def __init__(self, name: str, device: torch.device, *, quick: bool, seconds: float) -> None:
        self.name, self.device, self.quick, self.seconds = name, device, quick, seconds
        self.on_gpu = device.type == "cuda"
        self.graph_seconds = 0.0

    def prepare(self, *, amp: str = "auto", **tricks: Trick) -> tuple[Trial, Tensor, Tensor]:
        """Return a trial, ready to step, and its first batch."""
        recipe = make_recipe(
            self.name, device=self.device.type, tricks=tricks, quick=self.quick, amp=amp
        )
        trial = Trial.prepare(recipe)
        trial.network.train()
        trial.hooks.schedule(trial.optimizer, 0.3)
        return trial, *next(trial.pipeline.training_epoch(0))

    def line(self, name: str, run: Run, batch: int) -> float:
        """Measure and print one way to step; return its seconds."""
        each = seconds_a_run(run, self.device, self.seconds)
        count, busy = kernels(run, self.device)
        print(
            f"  {name:42} {1e3 * each:8.3f} ms {batch / each:10,.0f} images/s "
            f"{count:6.0f} kernels {100 * busy / each:4.0f} % busy",
            flush=True,
        )
        return each

    def graph_line(self, name: str, eager: EagerStep, images: Tensor, targets: Tensor) -> float:
        """Measure `eager` as a graph, or print why it cannot be captured and return 0."""
        try:
            graph = GraphedStep(eager, images, targets)
        except NotCapturable as finding:
            print(f"  {name}: {finding}", flush=True)
            return 0.0
        return self.line(name, lambda: graph(images, targets, 0.1), len(images))

    def ways(self, name: str, *, amp: str = "auto", **tricks: Trick) -> None:
        """Measure single launches and the graph."""
        trial, images, targets = self.prepare(amp=amp, **tricks)
        eager, _ = make_eager(trial)
        self.line(f"single launches{name}", lambda: eager(images, targets, 0.1), len(images))
        if self.on_gpu:
            each = self.graph_line(f"graph{name}", eager, images, targets)
            self.graph_seconds = self.graph_seconds or each

    def profile(self, most: int = 14) -> None:
        """Print the kernels of a step that take the most time, summed by name."""
        trial, images, targets = self.prepare()
        eager, _ = make_eager(trial)
        for name, count, seconds in by_kernel(lambda: eager(images, targets, 0.1))[:most]:
            print(f"    {1e6 * seconds:8.1f} us in {count:5.1f}: {name[:110]}", flush=True)

    def airbench(self) -> None:
        """Measure airbench's step, which needs a GPU: half precision, no autocast."""
        trial, images, targets = self.prepare()
        run = airbench_step(trial, images, targets.argmax(1))
        self.line("airbench's step: half, single launches", run, len(images))
        self.line("the same as a graph", captured(run), len(images))

    def compiled(self) -> None:
        """Measure the network compiled by inductor, and a graph of that."""
        trial, images, targets = self.prepare()
        plain, _ = make_eager(trial)
        step = dataclasses.replace(plain, forward=torch.compile(trial.network, dynamic=False))
        self.line("compiled, single launches", lambda: step(images, targets, 0.1), len(images))
        if self.on_gpu:
            self.graph_line("compiled, graph", step, images, targets)

    def batches(self, name: str, **tricks: Trick) -> None:
        """Measure what a batch costs the host and the GPU, alone and beside the graph's steps."""
        trial, images, targets = self.prepare(**tricks)
        batches = trial.pipeline.endless()
        synchronize(self.device)
        started = time.perf_counter()
        for _ in range(20):
            next(batches)
        host = (time.perf_counter() - started) / 20
        alone = seconds_a_run(lambda: next(batches), self.device, self.seconds)
        count, busy = kernels(lambda: next(batches), self.device, runs=48)
        print(
            f"  a batch, {name}: {1e6 * host:.0f} us of the host, {1e6 * alone:.0f} us alone, "
            f"{1e6 * busy:.0f} us of kernels, {count:.0f} kernels and copies",
            flush=True,
        )
        if not self.on_gpu:
            return
        graph = GraphedStep(make_eager(trial)[0], images, targets)
        label = f"graph with its batches, {name}"
        each = self.line(label, lambda: graph(*next(batches), 0.1), len(images))
        print(f"    batches are {100 * (1 - self.graph_seconds / each):.1f} % of it", flush=True)

    def optimizers(self) -> None:
        """Print the optimizers, and fp16 in place of bf16."""
        print(self.name, flush=True)
        for trick in (Sgd(0.05, nesterov=True), AdamW(), Sam(0.05), Muon(), ScheduleFree(0.5)):
            self.ways(f", {type(trick).__name__}", optimizer=trick)
        self.ways(", fp16", amp="fp16")

    def measure(self, *, compiled: bool, profiled: bool) -> None:
        """Print all of it."""
        print(self.name, flush=True)
        self.ways("")
        if profiled and self.on_gpu:
            self.profile()
        self.ways(", float32 as TF32", amp="off")
        self.ways(", EMA", ema=Ema(0.99, warmup=False))
        self.ways(", clipping", gradient_clipping=GradientClipping(1.0))
        self.ways(", centralized gradients", centralization=GradientCentralization())
        if self.on_gpu:
            self.airbench()
        if compiled:
            self.compiled()
        self.batches("crop and flip")
        self.batches("AutoAugment", augmentation=AutoAugment())


def main() -> None:
    """Measure the workloads that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument(
        "--compile", action="store_true", help="compiled too, which takes a minute each"
    )
    parser.add_argument("--optimizers", action="store_true", help="these and fp16, nothing else")
    parser.add_argument("--profile", action="store_true", help="kernels by time too")
    parser.add_argument("--seconds", type=float, default=0.6, help="that each way is measured")
    parser.add_argument("--workloads", type=int, nargs="*", default=list(range(len(WORKLOADS))))
    options = parser.parse_args()
    device = torch.device(
        "cuda" if options.device == "auto" and torch.cuda.is_available() else "cpu"
    )
    if device.type == "cpu":
        print("no GPU: the path alone is tried")
        torch.set_num_threads(1)
    seconds = options.seconds / (10 if options.quick else 1)
    for index in options.workloads:
        workload = Workload(list(WORKLOADS)[index], device, quick=options.quick, seconds=seconds)
        if options.optimizers:
            workload.optimizers()
            continue
        workload.measure(compiled=options.compile, profiled=options.profile)


if __name__ == "__main__":
    main()
