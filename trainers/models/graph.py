"""What any network computes from its input, recorded by running it once.

Nothing is traced symbolically: the network runs on an example, and every tensor operation is
recorded below autograd with the module call that it ran in. So control flow, functional calls
and in-place operations are recorded in the order in which they run. A call of a function such as
`F.relu` counts as one of a module that does the same, where another can be put in its place.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

# The module's name has an underscore, and its class is what PyTorch documents for this.
from torch.utils._python_dispatch import TorchDispatchMode

from darkmagic.trainers.models.fast_path import without_fast_path
from darkmagic.trainers.models.modes import as_in_training, evaluating
from darkmagic.trainers.models.operators import (
    STRIDE_ARGUMENT,
    TRANSPOSED_ARGUMENT,
    operator_name,
    tensors_in,
)
from darkmagic.trainers.models.sites.functions import module_of_call
from darkmagic.trainers.models.sites.site import Site, find_site
from darkmagic.trainers.models.trace import Call, Op, Trace

__all__ = ["Call", "Op", "Trace", "evaluating", "trace_model"]


def trace_model(model: nn.Module, example: Tensor, *, training: bool = False) -> Trace:
    """Run `model` on `example` (B, C, H, W) in eval mode, or `training`; return what it computed.

    Leaves the model, its buffers, each module's mode, and the global generator as they were.
    """
    images = example.clone()  # a network may work in place
    recorder = _Recorder(images, frozenset(model.modules()))
    hooks = [
        register_module_forward_pre_hook(recorder.enter_module),
        register_module_forward_hook(recorder.leave_module),
    ]
    mode = as_in_training(model) if training else evaluating(model)
    try:
        with mode, without_fast_path(), _Functions(recorder), recorder:
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return Trace(tuple(recorder.ops), tuple(recorder.calls))


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch's is untyped
    def __init__(self, images: Tensor, registered: frozenset[nn.Module]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops = [Op(0, "input", (), images.shape, None)]
        self.calls: list[Call] = []
        self.registered = registered
        self._stack: list[Call] = []
        self._function: Call | None = None
        self._makers = {id(images): self.ops[0]}  # an in-place operation takes over
        self._alive = [images]  # so that no id is given twice

    def enter_module(self, module: nn.Module, inputs: Any) -> None:
        if module in self.registered:
            self.enter(module, inputs, None)
        else:
            frame = sys._getframe().f_back  # noqa: SLF001 (documented as CPython's)
            self.enter(module, inputs, find_site(frame, self.registered), registered=False)

    def leave_module(self, module: nn.Module, inputs: Any, output: Any) -> None:
        del module, inputs
        self._stack.pop().output = self._maker(output)

    def enter(
        self, module: nn.Module, inputs: Any, site: Site | None, *, registered: bool = True
    ) -> None:
        self._stack.append(self._call(module, inputs, site, registered=registered))

    def call_function(self, module: nn.Module, site: Site, run: Any, inputs: Any) -> Any:
        """Return the result of `run`, recorded as a call of `module`."""
        self._function = self._call(module, inputs, site, registered=False)
        try:
            result = run()
            self._function.output = self._maker(result)
        finally:
            self._function = None
        return result

    def _call(self, module: nn.Module, inputs: Any, site: Site | None, *, registered: bool) -> Call:
        parent = self._stack[-1] if self._stack else None
        self.calls.append(Call(module, parent, self._maker(inputs), None, registered, site))
        return self.calls[-1]

    def _maker(self, value: Any) -> Op | None:
        return next((op for t in tensors_in(value) if (op := self._makers.get(id(t)))), None)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        given = [id(t) for t in tensors_in((args, kwargs)) if id(t) in self._makers]
        read = [self._makers[tensor] for tensor in given]
        result = func(*args, **kwargs)
        made = list(tensors_in(result))
        if read and made:
            op = Op(
                index=len(self.ops),
                name=operator_name(func),
                inputs=tuple(dict.fromkeys(read)),
                shape=made[0].shape,
                call=self._stack[-1] if self._stack else None,
                stride=_stride(func, args),
                function=self._function,
                reads=frozenset(given),
                makes=tuple(map(id, made)),
            )
            self.ops.append(op)
            self._makers.update((id(tensor), op) for tensor in made)
            self._alive += made
        return result


class _Functions(TorchFunctionMode):
    """Has calls of functions recorded as calls, where the code that makes them can be edited."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        module = module_of_call(func, args, kwargs)
        frame = sys._getframe().f_back  # noqa: SLF001 (documented as CPython's)
        site = find_site(frame, self.recorder.registered, func) if module is not None else None
        if module is None or site is None:
            return func(*args, **kwargs)
        run = functools.partial(func, *args, **kwargs)
        return self.recorder.call_function(module, site, run, (args, kwargs))


def _stride(func: Any, args: Sequence[Any]) -> int:
    operator = operator_name(func)
    if operator not in STRIDE_ARGUMENT:
        return 1
    if operator == "convolution" and args[TRANSPOSED_ARGUMENT]:
        return 1  # it widens
    index = STRIDE_ARGUMENT[operator]
    stride = args[index] if len(args) > index and args[index] else args[1]  # the kernel's size
    return int(max(stride))
