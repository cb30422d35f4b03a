"""Modules that do what a function's call does, which stand for it in a trace of a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

__all__ = ["FunctionCall", "function_name", "module_of_call"]


class FunctionCall(nn.Module):
    """Calls `function` with all that it is given.

    >>> FunctionCall(torch.add)(torch.ones(1), torch.ones(1))
    tensor([2.])
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns."""
        return self.function(*args, **kwargs)

    def extra_repr(self) -> str:
        """Return the function's name."""
        return function_name(self.function)


def _dropout(kind: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def build(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
        del training  # a module's own mode is what the code asks for where it differs by mode
        return kind(p, inplace)

    return build


_MODULES: Mapping[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "dropout": _dropout(nn.Dropout),
    "dropout1d": _dropout(nn.Dropout1d),
    "dropout2d": _dropout(nn.Dropout2d),
}
"""By a function's name, the module that takes what its call has after the input."""

_ARITHMETIC = ("add", "mean", "sum", "amax", "matmul", "cat", "clamp", "clamp_min")
_LAYERS = ("conv2d", "linear", "prelu", "batch_norm", "layer_norm", "group_norm")
_OTHERS = frozenset((*_ARITHMETIC, *_LAYERS))
"""Functions whose calls are places too, but read tensors, or have no module that does the same."""


def function_name(function: Any) -> str:
    """Return the name of a function of tensors, the same for its in-place variant.

    >>> function_name(torch.relu_), function_name(torch.Tensor.__add__)
    ('relu', 'add')
    """
    name = str(getattr(function, "__name__", "")).strip("_")
    return name.removeprefix("i") if name == "iadd" else name


def module_of_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> nn.Module | None:
    """Return a module that stands for a call; None where the function makes no place.

    Where it is no `FunctionCall`, it takes the input alone.

    >>> module_of_call(torch.max_pool2d, (torch.ones(1, 1, 2, 2), 2), {})
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """
    name = function_name(function)
    if name in _MODULES:
        options = {key: value for key, value in kwargs.items() if key not in ("input", "self")}
        given = args[1:] if args else ()
        inplace = str(getattr(function, "__name__", "")).endswith("_")
        if inplace and "inplace" in inspect.signature(_MODULES[name]).parameters:
            options["inplace"] = True
        if not any(isinstance(value, Tensor) for value in (*given, *options.values())):
            try:
                return _MODULES[name](*given, **options)
            except TypeError:  # an argument that the module does not have, such as `out`
                return FunctionCall(function)
    return FunctionCall(function) if name in _MODULES or name in _OTHERS else None
