"""AutoAugment's ImageNet policy on whole batches, beside torchvision's v2 on one image at a time.

    python tests/benchmarks/autoaugment.py [--repeats N] [--quick] [--json] [--results]

Both on uint8 tensors and one thread, in turn; torchvision draws once a call for all that it is
given, so that a draw a sample takes a call a sample. That both do the same to an image is shown
value by value in `tests/trainers/augment/test_operations.py`; here that they change as much.
Goals: on a CPU's thread 5 times the images/s at CIFAR's size and 4 times at ImageNet's; on a GPU
50 times those of a CPU's thread, at CIFAR's size.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torchvision.transforms import v2

from darkmagic.trainers.augment.autoaugment import autoaugment
from darkmagic.trainers.runtime.randomness import generator
from harness.machine import versions
from harness.table import Row, arguments, compared, publish, unmeasured
from harness.turns import Measured, take_turns

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SIZES = {32: (4096, 128, 2048), 224: (256, 64, 64)}
"""By side: how many images, and our batches: a usual one, and what fills the device."""
CPU_GOALS = {32: 5, 224: 4}
GPU_GOALS = {32: 50}
ALIKE = 0.03  # of the share of changed pixels, between two draws of thousands


def pictures(count: int, side: int) -> Tensor:
    """Return smooth images with some noise, uint8 (count, 3, side, side)."""
    rng = generator(0, "pictures")
    coarse = torch.rand(count, 3, 4, 4, generator=rng) * 220
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return (smooth + 30 * torch.rand(smooth.shape, generator=rng)).to(torch.uint8)


def ours(images: Tensor, batch: int) -> list[Tensor]:
    """Return all of `images` in batches, augmented a batch at a time."""
    rng = generator(0, "augmentation")
    return [autoaugment(part, rng) for part in images.split(batch)]


def theirs(images: Tensor, batch: int) -> list[Tensor]:
    """Return all of `images` in batches, augmented one at a time, as a loader collates them."""
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)
    return [torch.stack([policy(image) for image in part]) for part in images.split(batch)]


def rate(augment: Callable[[Tensor, int], list[Tensor]], images: Tensor, batch: int) -> float:
    """Return how many images/s `augment` returns in batches."""
    if images.is_cuda:
        torch.cuda.synchronize()
    started = time.perf_counter()
    augment(images, batch)
    if images.is_cuda:
        torch.cuda.synchronize()
    return len(images) / (time.perf_counter() - started)


def changed(before: Tensor, after: list[Tensor]) -> float:
    """Return the share of values that differ."""
    return (before != torch.cat(after)).float().mean().item()


def compare(side: int, count: int, batches: tuple[int, ...], repeats: int) -> list[Row]:
    """Return the rows of one size of image."""
    images = pictures(count, side)
    shares = {each.__name__: changed(images, each(images, 128)) for each in (ours, theirs)}
    assert side > 32 or abs(shares["ours"] - shares["theirs"]) < ALIKE, shares
    sides = {f"batch {batch}": partial(rate, ours, images, batch) for batch in batches}
    if torch.cuda.is_available():
        on_gpu = images.to(GPU)
        sides |= {f"GPU {batch}": partial(rate, ours, on_gpu, batch) for batch in batches}
    peer = partial(rate, theirs, images, batches[0])
    measured = take_turns({"theirs": peer, **sides}, repeats=repeats)
    what = f"AutoAugment, {side} x {side}"
    return [
        row(f"{what}, {name}", side, found, measured["theirs"], shares)
        for name, found in measured.items()
        if name != "theirs"
    ]


def row(what: str, side: int, found: Measured, theirs: Measured, shares: dict[str, float]) -> Row:
    """Return a row; on a GPU only the smaller size has a goal."""
    at_least = (GPU_GOALS if "GPU" in what else CPU_GOALS).get(side)
    return compared(
        what,
        "torchvision v2 per sample",
        "images/s",
        found,
        theirs,
        at_least=at_least,
        note="" if at_least else "no goal set",
        equal_work={"images": SIZES[side][0], "changed_share": shares},
    )


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="for a gate: CIFAR's size, one batch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = {32: (2048, SIZES[32][1])} if options.quick else SIZES
    if options.quick:
        options.repeats = min(options.repeats, 3)
    rows = []
    for side, (count, *batches) in sizes.items():
        rows += compare(side, count, tuple(dict.fromkeys(batches)), options.repeats)
    if not torch.cuda.is_available():
        rows.append(
            unmeasured(
                "AutoAugment, 32 x 32, GPU",
                "torchvision v2 per sample",
                "images/s",
                at_least=GPU_GOALS[32],
                why="no GPU",
            )
        )
    publish("autoaugment", rows, versions("torch", "torchvision"), options)


if __name__ == "__main__":
    main()
