"""A speed-run's loop: data on the GPU, padded once, whole epochs augmented before their batches.

In the manner of airbench's, https://github.com/KellerJordan/cifar10-airbench, on the network of
the other sides. GPU only: images and weights are in half precision, but for the norms.
"""

from __future__ import annotations

import time

import torch
from task import (
    DEVICE,
    LR,
    MEAN,
    MOMENTUM,
    PAD,
    SIDE,
    STD,
    accuracy_of,
    cosine,
    network,
    parameter_groups,
    pictures,
    work,
)
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from harness.serving import serve


class Loop:
    """A network in half precision but for its norms, its data, and what trains it."""

    def __init__(self, depth: int, count: int, batch: int, *, steps: int, seed: int = 0) -> None:
        self.model = network(depth, seed).to(DEVICE, memory_format=torch.channels_last).half()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.float()
        pixels, classes = pictures(count)
        images = torch.from_numpy(pixels).to(DEVICE).permute(0, 3, 1, 2).half().div_(255)
        mean, std = (torch.tensor(v, device=DEVICE).half().view(-1, 1, 1) for v in (MEAN, STD))
        self._padded = F.pad(((images - mean) / std), (PAD,) * 4)
        self._padded = self._padded.contiguous(memory_format=torch.channels_last)
        self._classes = torch.from_numpy(classes).to(DEVICE)
        groups = parameter_groups(self.model)
        self._optimizer = torch.optim.SGD(groups, LR, momentum=MOMENTUM, nesterov=True, fused=True)
        self._batch, self._steps, self._step = batch, steps, 0

    def _augmented(self) -> Tensor:
        """Flip every image with a chance of a half and crop it at a place of its own."""
        count = len(self._padded)
        mirrored = torch.rand(count, device=DEVICE) < 0.5
        images = torch.where(mirrored[:, None, None, None], self._padded.flip(3), self._padded)
        top, left = torch.randint(0, 2 * PAD + 1, (2, count, 1, 1, 1), device=DEVICE)
        rows = images[:, :, :SIDE]
        for shift in range(1, 2 * PAD + 1):
            rows = torch.where(top == shift, images[:, :, shift : shift + SIDE], rows)
        cropped = rows[..., :SIDE]
        for shift in range(1, 2 * PAD + 1):
            cropped = torch.where(left == shift, rows[..., shift : shift + SIDE], cropped)
        return cropped

    def epoch(self) -> int:
        """Train one epoch; return how many images."""
        images = self._augmented()
        order = torch.randperm(len(images), device=DEVICE)
        full = len(images) // self._batch
        for places in order.split(self._batch)[:full]:
            logits = self.model(images[places])
            loss = F.cross_entropy(logits.float(), self._classes[places])
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            for group in self._optimizer.param_groups:
                group["lr"] = LR * cosine(self._step, self._steps)
            self._optimizer.step()
            self._step += 1
        return full * self._batch


_loops: dict[str, Loop] = {}


def rate(
    depth: int, count: int, batch: int, augmentation: str, workers: int, channels_last: bool
) -> dict[str, float]:
    """Return images/s of a whole epoch, augmentation included, and how many it trained."""
    del workers, channels_last
    assert augmentation == "standard", "airbench has no policy"
    key = f"{depth} {count} {batch}"
    if key not in _loops:
        _loops[key] = Loop(depth, count, batch, steps=10**6)
    torch.cuda.synchronize()
    started = time.perf_counter()
    images = _loops[key].epoch()
    torch.cuda.synchronize()
    return {"rate": images / (time.perf_counter() - started), "images": images} | work(
        _loops[key].model
    )


def accuracy(depth: int, count: int, batch: int, epochs: int, seed: int) -> float:
    """Return the accuracy on new images after `epochs`."""
    loop = Loop(depth, count, batch, steps=epochs * (count // batch), seed=seed)
    for _ in range(epochs):
        loop.epoch()
    return accuracy_of(loop.model)


if __name__ == "__main__":
    serve(rate, accuracy)
