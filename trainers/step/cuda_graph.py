"""A whole training step as one CUDA graph: forward, loss, backward, update, average.

Replaying a graph costs one launch in place of hundreds, which pays where the GPU waits for
launches: small networks, small batches. Batches are copied into buffers that the graph reads,
and rates are tensors (`TensorSchedule`). Source: PyTorch's notes on CUDA semantics, "CUDA
Graphs" (whole-network capture).
"""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.errors import CaptureFailed, short_message
from darkmagic.trainers.runtime.device import forbid_waiting
from darkmagic.trainers.runtime.memory import reset_peak_memory
from darkmagic.trainers.step.eager import EagerStep
from darkmagic.trainers.step.tensor_schedule import NotCapturable

__all__ = ["GraphedStep"]

WARM_UP = 3  # steps before capture, in which libraries choose kernels and make workspaces


class GraphedStep:
    """`eager`, captured on batches of the shape of `images` (B, C, H, W), `targets` (B, K).

    Making one takes steps: weights, statistics and state are to be put back afterwards, in
    place. Raises `NotCapturable` where a step waits for the device or memory does not suffice, and
    `CaptureFailed` where what no step before showed ends the capture. One stream and one pool of
    memory are its own, and stay as long as it does.
    """

    def __init__(self, eager: EagerStep, images: Tensor, targets: Tensor) -> None:
        if eager.schedule is None:
            raise NotCapturable("its rates are numbers of the host")
        self._eager = eager
        self._images, self._targets = images.clone(), targets.clone()
        self._graph = torch.cuda.CUDAGraph()
        self.odd_batches = 0  # of another shape, which went step by step
        stream = torch.cuda.Stream(eager.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(eager.device))
        with torch.cuda.stream(stream):
            _warm_up(eager, self._images, self._targets)
        torch.cuda.current_stream(eager.device).wait_stream(stream)
        reset_peak_memory(eager.device)  # what a replay takes is taken here, and never again
        try:
            # Of this thread alone: a loader's threads may pin memory meanwhile.
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._loss = eager.run(self._images, self._targets)
        except RuntimeError as error:
            raise CaptureFailed(f"{short_message(error)}; train with cuda_graphs=off") from error

    def __call__(self, images: Tensor, targets: Tensor, average_weight: float | None) -> Tensor:
        """Update by one batch; return the loss at the weights before, until the next call."""
        if images.shape != self._images.shape or targets.shape != self._targets.shape:
            self.odd_batches += 1
            return self._eager(images, targets, average_weight)
        assert self._eager.schedule is not None
        self._eager.schedule.write(average_weight)
        self._images.copy_(images)
        self._targets.copy_(targets)
        self._graph.replay()
        return self._loss


def _warm_up(eager: EagerStep, images: Tensor, targets: Tensor) -> None:
    """Take steps before capture, with an error for whatever would wait for the device.

    A synchronisation found here is refused by name; met in mid-capture it leaves the allocator
    and the generators in a state that nothing gets out of.
    """
    assert eager.schedule is not None
    eager.schedule.write(0.0)
    try:
        eager.run(images, targets)  # libraries set themselves up, which may wait
        with forbid_waiting():
            for _ in range(WARM_UP - 1):
                eager.run(images, targets)
    except torch.OutOfMemoryError as error:
        raise NotCapturable("there is no memory for a graph") from error
    except RuntimeError as error:
        if "synchronizing" not in str(error):
            raise
        raise NotCapturable(f"a step waits for the device: {short_message(error)}") from error
