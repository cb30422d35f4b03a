"""What a network does, found by running it: calls in order, additions, reductions.

Works on any `nn.Module`, whatever its control flow, and leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Addition", "Call", "Trace", "trace"]


@dataclass(frozen=True)
class Call:
    """One call of a leaf module. `place` counts the calls of all leaves; `turn` those of this
    module before; `sources` are the places of the calls that made its inputs.
    """

    place: int
    name: str
    module: nn.Module
    turn: int
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    sources: tuple[int, ...]

    @property
    def is_conv(self) -> bool:
        """Whether it is a two-dimensional convolution."""
        return isinstance(self.module, nn.Conv2d)

    @property
    def is_reduction(self) -> bool:
        """Whether it makes feature maps smaller, though not down to a point or from a vector."""
        if len(self.in_shape) != 4 or len(self.out_shape) != 4:
            return False
        return 1 < self.out_shape[2] < self.in_shape[2] or (
            1 == self.out_shape[2] < self.in_shape[2] and self.is_conv
        )


@dataclass(frozen=True)
class Addition:
    """Feature maps added in the forward of the module called `inside`.

    `branch` is the call that made the deeper operand, None where no leaf made it directly;
    `starts` is the place of the first leaf call inside the module.
    """

    inside: str
    branch: int | None
    starts: int


@dataclass
class Trace:
    """Everything that was seen in one forward."""

    calls: list[Call] = field(default_factory=list)
    additions: list[Addition] = field(default_factory=list)

    def calls_of(self, module: nn.Module) -> int:
        """Return how often `module` was called."""
        return sum(call.module is module for call in self.calls)


def trace(network: nn.Module, example: Tensor) -> Trace:
    """Run `network` on `example` (B, C, H, W) in eval mode; return what it did.

    Its mode, statistics and the global random generator are left as they were.
    """
    tracer = _Tracer(network)
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), tracer:
            network(example)
    finally:
        tracer.remove()
        for module, training in modes.items():
            module.training = training
    return tracer.trace


@dataclass
class _Origin:
    """Where a tensor comes from: the calls behind it, and how many convolutions deep it is."""

    places: tuple[int, ...]
    depth: int
    direct: bool  # a leaf's very output, nothing done to it since


class _Tracer(TorchFunctionMode):
    """Watches leaves by hooks, and what happens between them as a torch function mode."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.trace = Trace()
        self._names = {module: name for name, module in network.named_modules()}
        self._origins: dict[int, _Origin] = {}
        self._kept: list[Tensor] = []  # an id is only unique while its tensor lives
        self._stack: list[tuple[nn.Module, int]] = []
        self._inside_leaf = 0
        self._hooks = []
        for module in self._names:
            self._hooks.append(module.register_forward_pre_hook(self._enter))
            self._hooks.append(module.register_forward_hook(self._leave))

    def remove(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()

    def _enter(self, module: nn.Module, _: Any) -> None:
        self._stack.append((module, len(self.trace.calls)))
        self._inside_leaf += _is_leaf(module)

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._stack.pop()
        if not _is_leaf(module):
            return
        self._inside_leaf -= 1
        if not isinstance(output, Tensor):
            return
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        origin = self._behind(tensors)
        place = len(self.trace.calls)
        call = Call(
            place,
            self._names[module],
            module,
            self.trace.calls_of(module),
            tuple(tensors[0].shape) if tensors else (),
            tuple(output.shape),
            origin.places,
        )
        self.trace.calls.append(call)
        self._remember(output, _Origin((place,), origin.depth + call.is_conv, direct=True))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._inside_leaf:
            return func(*args, **(kwargs or {}))
        tensors = [value for value in args if isinstance(value, Tensor)]
        behind = self._behind(tensors)
        if getattr(func, "__name__", "") in _ADDITIONS and len(tensors) == 2:
            self._note_addition(*tensors)
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self._remember(result, _Origin(behind.places, behind.depth, direct=False))
        return result

    def _note_addition(self, left: Tensor, right: Tensor) -> None:
        if left.ndim != 4 or left.shape != right.shape or not self._stack:
            return
        module, starts = self._stack[-1]
        deeper = max((self._behind([t]) for t in (left, right)), key=lambda origin: origin.depth)
        branch = deeper.places[0] if deeper.direct and len(deeper.places) == 1 else None
        self.trace.additions.append(Addition(self._names[module], branch, starts))

    def _behind(self, tensors: list[Tensor]) -> _Origin:
        known = [self._origins[id(t)] for t in tensors if id(t) in self._origins]
        if len(known) == 1:
            return known[0]
        places = tuple(sorted({place for origin in known for place in origin.places}))
        depth = max((origin.depth for origin in known), default=0)
        return _Origin(places, depth, direct=False)

    def _remember(self, tensor: Tensor, origin: _Origin) -> None:
        self._kept.append(tensor)
        self._origins[id(tensor)] = origin


_ADDITIONS = {"add", "add_", "__add__", "__radd__", "__iadd__"}


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None
