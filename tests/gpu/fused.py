"""Would one network of K networks' layers beat K networks? Convolutions of ResNet-20, in bf16.

    python tests/gpu/fused.py [--trials 16] [--batch 128]
    python tests/gpu/fused.py --device cpu --quick

Forward and both backward passes of a 3 x 3 convolution with channels last, microseconds a trial:
by itself, K one after the other in one graph, K on streams of one graph, and as one convolution
of K groups, which is what `torch.func.vmap` makes of an ensemble.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from steps import captured

SHAPES = ((16, 32), (32, 16), (64, 8))  # channels, side
LAST = torch.channels_last

Way = tuple[Callable[[], object], int]


def passes(x: Tensor, w: Tensor, dy: Tensor, groups: int = 1) -> None:
    """Compute the output and both gradients."""
    F.conv2d(x, w, padding=1, groups=groups)
    torch.ops.aten.convolution_backward(
        dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], groups, [True, True, False]
    )


def microseconds(run: Callable[[], object], device: str, repeats: int = 30) -> float:
    """Return the microseconds of `run`, as a graph where there is a GPU."""
    if device == "cuda":
        run = captured(run)
        run()
        torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e6 * (time.perf_counter() - started) / repeats


def ways(shape: tuple[int, int], trials: int, batch: int, device: str) -> dict[str, Way]:
    """Return what `trials` convolutions of `shape` can be run as, and of how many trials each is.

    `shape` is channels and side of the images.
    """
    channels, side = shape

    def new(*sizes: int) -> Tensor:
        made = torch.randn(sizes, device=device, dtype=torch.bfloat16)
        return made.contiguous(memory_format=LAST)

    def tensors(networks: int) -> tuple[Tensor, Tensor, Tensor]:
        images = (batch, networks * channels, side, side)
        return new(*images), new(networks * channels, channels, 3, 3), new(*images)

    each, wide = [tensors(1) for _ in range(trials)], tensors(trials)

    def serial() -> None:
        for one in each:
            passes(*one)

    found: dict[str, Way] = {
        "alone": (lambda: passes(*each[0]), 1),
        "one after the other": (serial, trials),
    }
    if device == "cuda":
        streams = [torch.cuda.Stream() for _ in range(trials)]

        def at_once() -> None:
            here = torch.cuda.current_stream()
            for one, stream in zip(each, streams, strict=True):
                stream.wait_stream(here)
                with torch.cuda.stream(stream):
                    passes(*one)
            for stream in streams:
                here.wait_stream(stream)

        found["streams"] = (at_once, trials)
    return {**found, "groups": (lambda: passes(*wide, groups=trials), trials)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    if options.quick:
        options.trials, options.batch = 2, 8
    device = "cuda" if options.device == "auto" and torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    for benchmark in (False, True) if device == "cuda" else (False,):
        torch.backends.cudnn.benchmark = benchmark
        for channels, side in SHAPES:
            measured = ways((channels, side), options.trials, options.batch, device).items()
            figures = ", ".join(
                f"{name} {microseconds(run, device) / count:.1f}" for name, (run, count) in measured
            )
            print(
                f"{channels} channels, {side} x {side}, benchmark {benchmark}: us a trial: "
                f"{figures}",
                flush=True,
            )


if __name__ == "__main__":
    main()
