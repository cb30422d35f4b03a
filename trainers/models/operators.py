"""ATen's names for the operations that tricks and checks look for in a network.

Names are without the overload and the underscore of in-place variants. A name that torch changes
would match nothing any more: `tests/trainers/models/test_operators.py` compares each of them,
here and wherever else an operation is recognized by its name, with what the installed torch runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

__all__ = [
    "ACTIVATIONS",
    "AVERAGES",
    "MATRIX_PRODUCTS",
    "NORMS",
    "POINTWISE",
    "POOLS",
    "RECTIFIERS",
    "SCALINGS",
    "SQUASHING",
    "STRIDE_ARGUMENT",
    "TRANSPOSED_ARGUMENT",
    "operator_name",
    "tensors_in",
]

RECTIFIERS = frozenset(("relu", "hardtanh"))
"""Activations that are zero over a range, and pass no gradient there; ReLU6 is a hardtanh."""

_KINKED = ("relu", "leaky_relu", "_prelu_kernel", "rrelu_with_noise", "clamp", "clamp_min")
_SMOOTH = ("elu", "silu", "mish", "gelu", "softplus", "hardtanh", "hardswish", "tanh", "sigmoid")
ACTIVATIONS = frozenset((*_KINKED, *_SMOOTH))

_ARITHMETIC = ("add", "sub", "rsub", "mul", "div", "neg", "pow", "clone", "_to_copy")
_ELEMENTARY = ("exp", "expm1", "log", "log1p", "sqrt", "erf", "abs", "sign", "sin", "cos")
_CHOOSING = ("where", "gt", "ge", "lt", "le", "maximum", "minimum", "hardsigmoid")
POINTWISE = ACTIVATIONS.union(_ARITHMETIC, _ELEMENTARY, _CHOOSING)
"""Operations on each value by itself, of which a network's author makes an activation."""
SQUASHING = frozenset(("sigmoid", "hardsigmoid", "_softmax"))
"""What gates are made of: results in [0, 1]."""

NORMS = ("batch_norm", "group_norm", "layer_norm")
"""Parts of the names of norms, which differ by device and mode: `native_batch_norm`."""

AVERAGES = frozenset(("mean", "_adaptive_avg_pool2d", "avg_pool2d"))
POOLS = AVERAGES | {"sum", "amax"}
SCALINGS = frozenset(("add", "mul", "div", "clone"))
"""Operations that keep channels apart where one input is data and the other a constant."""

MATRIX_PRODUCTS = frozenset(("addmm", "mm", "bmm"))

STRIDE_ARGUMENT = {"convolution": 3, "max_pool2d_with_indices": 2, "avg_pool2d": 2}
"""Index of the argument `stride`; the kernel's size, at index 1, is a pooling's default."""
TRANSPOSED_ARGUMENT = 6
"""Index of the argument `transposed` of a convolution."""


def operator_name(function: Any) -> str:
    """Return the name of an ATen overload, such as `add` of `aten::add_.Tensor`."""
    name: str = function.name().partition("::")[2].partition(".")[0]
    return name.rstrip("_")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of an operator's arguments or results, in mappings and sequences too.

    >>> len(list(tensors_in(({"weight": torch.ones(1)}, [torch.ones(2), 3]))))
    2
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
