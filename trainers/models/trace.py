"""A forward pass as operations and the calls that they ran in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from darkmagic.trainers.models.sites.functions import FunctionCall, function_name
from darkmagic.trainers.models.sites.site import Site

__all__ = ["Call", "Op", "Trace"]


@dataclass(eq=False)
class Call:
    """One call of a module. `input` and `output` are the first tensor in and out.

    `registered` says whether the network has the module under a name. One that it has not is
    called at a `site` of the code of one that it has, if that is known; so is a function, for
    which a module that does the same stands here.
    """

    module: nn.Module
    parent: Call | None = field(repr=False)
    input: Op | None = field(repr=False)
    output: Op | None = field(default=None, repr=False)
    registered: bool = True
    site: Site | None = field(default=None, repr=False)

    @property
    def replaceable(self) -> bool:
        """Whether another module can be put in its place."""
        return self.registered or self.site is not None

    @property
    def kind(self) -> str:
        """The name of the module's class, or of the function."""
        if isinstance(self.module, FunctionCall):
            return function_name(self.module.function)
        return type(self.module).__name__

    @property
    def place(self) -> nn.Module | Site:
        """What calls of one place have in common."""
        return self.site if self.site is not None else self.module

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
    call: Call | None = field(repr=False)  # the innermost of a module
    stride: int = 1
    function: Call | None = field(default=None, repr=False)  # of a function, where it can be edited
    reads: frozenset[int] = field(default=frozenset(), repr=False)  # ids of the tensors it reads
    makes: tuple[int, ...] = field(default=(), repr=False)  # ids of the tensors that it makes
    scale: int = field(init=False)
    ancestors: int = field(init=False, repr=False)  # bit i: operation i, itself among them

    def __post_init__(self) -> None:
        self.scale = self.stride * max((op.scale for op in self.inputs), default=1)
        self.ancestors = 1 << self.index
        for op in self.inputs:
            self.ancestors |= op.ancestors

    @property
    def path(self) -> list[Call]:
        """The calls that it ran in, the outermost first."""
        calls = self.call.path if self.call is not None else []
        return calls if self.function is None else [*calls, self.function]

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
    """Operations and calls of one forward pass, in eval mode if not told otherwise.

    Both are in execution order; calls in the order in which they start.
    """

    ops: tuple[Op, ...]  # the first is the input
    calls: tuple[Call, ...]

    def calls_of(self, module: nn.Module) -> list[Call]:
        """Return the calls of `module` in execution order."""
        return [call for call in self.calls if call.module is module]

    def calls_at(self, call: Call) -> list[Call]:
        """Return the calls of the place that `call` is one of, in execution order."""
        return [other for other in self.calls if other.place == call.place]

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
