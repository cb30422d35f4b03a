"""What any network computes from its input, recorded by running it once.

Nothing is traced symbolically: the network runs on an example, and every tensor operation is
recorded below autograd with the module call that it ran in. So control flow, functional calls
and in-place operations are recorded in the order in which they run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

# The module's name has an underscore, and its class is what PyTorch documents for this.
from torch.utils._python_dispatch import TorchDispatchMode

from darkmagic.trainers.models.operators import (
    STRIDE_ARGUMENT,
    TRANSPOSED_ARGUMENT,
    operator_name,
)

__all__ = ["Call", "Op", "Trace", "evaluating", "trace_model"]


@dataclass(eq=False)
class Call:
    """One call of a module. `input` and `output` are the first tensor in and out."""

    module: nn.Module
    parent: Call | None = field(repr=False)
    input: Op | None = field(repr=False)
    output: Op | None = field(default=None, repr=False)

    @property
    def path(self) -> list[Call]:
        """The calls around this one, the outermost first, and itself."""
        return [*(self.parent.path if self.parent else []), self]


@dataclass(eq=False)
class Op:
    """One tensor operation whose result depends on the network's input.

    `name` is ATen's, without the overload and the underscore of in-place variants, as in
    `add` or `convolution`. `inputs` are the operations whose results it reads: parameters,
    and what is computed from them alone, are none. `scale` is the product of the strides
    from the input to here.
    """

    index: int
    name: str
    inputs: tuple[Op, ...] = field(repr=False)
    shape: torch.Size
    call: Call | None = field(repr=False)  # the innermost
    stride: int = 1
    scale: int = field(init=False)
    ancestors: int = field(init=False, repr=False)  # bit i: operation i, itself among them

    def __post_init__(self) -> None:
        self.scale = self.stride * max((op.scale for op in self.inputs), default=1)
        self.ancestors = 1 << self.index
        for op in self.inputs:
            self.ancestors |= op.ancestors

    def follows(self, other: Op) -> bool:
        """Whether this result depends on that of `other`, or is it."""
        return bool(self.ancestors >> other.index & 1)

    @property
    def is_convolution(self) -> bool:
        """Whether it is a convolution of feature maps."""
        return self.name == "convolution" and len(self.shape) == 4

    @property
    def is_map(self) -> bool:
        """Whether the result is feature maps of more than one pixel."""
        return len(self.shape) == 4 and math.prod(self.shape[2:]) > 1


@dataclass(frozen=True, eq=False)
class Trace:
    """Operations and module calls of one forward pass in eval mode, in execution order.

    Calls are in the order in which they start.
    """

    ops: tuple[Op, ...]  # the first is the input
    calls: tuple[Call, ...]

    def calls_of(self, module: nn.Module) -> list[Call]:
        """Return the calls of `module` in execution order."""
        return [call for call in self.calls if call.module is module]

    def consumers(self, op: Op) -> list[Op]:
        """Return the operations that read the result of `op`."""
        return [other for other in self.ops[op.index + 1 :] if op in other.inputs]

    def ops_of(self, bits: int) -> tuple[Op, ...]:
        """Return the operations whose index is a set bit of `bits`."""
        return tuple(op for op in self.ops if bits >> op.index & 1)

    @property
    def convolutions(self) -> list[Op]:
        """The convolutions of feature maps."""
        return [op for op in self.ops if op.is_convolution]


def trace_model(model: nn.Module, example: Tensor) -> Trace:
    """Run `model` on `example` (B, C, H, W) in eval mode and return what it computed.

    Leaves the model, each module's train or eval mode, and the global generator as they were.
    """
    images = example.clone()  # a network may work in place
    recorder = _Recorder(images)
    hooks = [
        register_module_forward_pre_hook(recorder.enter),
        register_module_forward_hook(recorder.leave),
    ]
    try:
        with evaluating(model), recorder:
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return Trace(tuple(recorder.ops), tuple(recorder.calls))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold `model` in eval mode, without gradients or draws that the outside could notice.

    Every module gets its own mode back: some networks keep parts of themselves in eval.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch's is untyped
    def __init__(self, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops = [Op(0, "input", (), images.shape, None)]
        self.calls: list[Call] = []
        self._stack: list[Call] = []
        self._makers = {id(images): self.ops[0]}  # an in-place operation takes over
        self._alive = [images]  # so that no id is given twice

    def enter(self, module: nn.Module, inputs: Any) -> None:
        parent = self._stack[-1] if self._stack else None
        call = Call(module, parent, self._maker(inputs))
        self.calls.append(call)
        self._stack.append(call)

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        del module, inputs
        self._stack.pop().output = self._maker(output)

    def _maker(self, value: Any) -> Op | None:
        return next((op for t in _tensors(value) if (op := self._makers.get(id(t)))), None)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        read = [self._makers[id(t)] for t in _tensors((args, kwargs)) if id(t) in self._makers]
        result = func(*args, **kwargs)
        made = list(_tensors(result))
        if read and made:
            op = Op(
                index=len(self.ops),
                name=operator_name(func),
                inputs=tuple(dict.fromkeys(read)),
                shape=made[0].shape,
                call=self._stack[-1] if self._stack else None,
                stride=_stride(func, args),
            )
            self.ops.append(op)
            self._makers.update((id(tensor), op) for tensor in made)
            self._alive += made
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _stride(func: Any, args: Sequence[Any]) -> int:
    operator = operator_name(func)
    if operator not in STRIDE_ARGUMENT:
        return 1
    if operator == "convolution" and args[TRANSPOSED_ARGUMENT]:
        return 1  # it widens
    index = STRIDE_ARGUMENT[operator]
    stride = args[index] if len(args) > index and args[index] else args[1]  # the kernel's size
    return int(max(stride))
