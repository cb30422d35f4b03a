"""Names of ATen's operators: every one that the code looks for is what the installed torch runs.

A name that torch changes would be matched by nothing any more, and a trick would edit fewer
layers in silence. So the names are read from the code itself, and each has a module or function
here that is traced.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models import operators
from darkmagic.trainers.models.graph import trace_model

TRAINERS = Path(__file__).parents[3] / "trainers"


class _Call(nn.Module):
    """A module that calls a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def _on_pixels(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), layer)


PRODUCERS: dict[str, nn.Module] = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "_prelu_kernel": nn.PReLU(),
    "rrelu_with_noise": nn.RReLU(),
    "clamp": _Call(lambda x: x.clamp(0, 1)),
    "clamp_min": _Call(lambda x: x.clamp_min(0)),
    "elu": nn.ELU(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "gelu": nn.GELU(),
    "softplus": nn.Softplus(),
    "hardtanh": nn.ReLU6(),
    "hardswish": nn.Hardswish(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "mean": nn.AdaptiveAvgPool2d(1),
    "stack": _Call(lambda x: torch.stack([x, x])),
    "cat": _Call(lambda x: torch.cat([x, x])),
    "lerp": _Call(lambda x: torch.lerp(x, -x, 0.5)),
    "sum": _Call(lambda x: x.sum((2, 3))),
    "amax": _Call(lambda x: x.amax((2, 3))),
    "avg_pool2d": nn.AvgPool2d(2),
    "_adaptive_avg_pool2d": nn.AdaptiveAvgPool2d(2),
    "max_pool2d_with_indices": nn.MaxPool2d(2),
    "convolution": nn.Conv2d(4, 4, 3),
    "addmm": _on_pixels(nn.Linear(256, 3)),
    "mm": _on_pixels(nn.Linear(256, 3, bias=False)),
    "bmm": _Call(lambda x: torch.bmm(x[:, 0], x[:, 1])),
    "add": _Call(lambda x: x + 1),
    "mul": _Call(lambda x: x * 2),
    "div": _Call(lambda x: x / 2),
    "clone": _Call(torch.clone),
    "view": nn.Flatten(),
    "permute": _Call(lambda x: x.permute(0, 2, 3, 1)),
    "transpose": _Call(lambda x: x.transpose(1, 2)),
    "unsqueeze": _Call(lambda x: x[:, None]),
    "expand": _Call(lambda x: x[:, :1].expand_as(x)),
    "slice": _Call(lambda x: x[:, 1:]),
    "split": _Call(lambda x: x.chunk(2, 1)[0]),
    "_softmax": nn.Softmax(1),
    "hardsigmoid": nn.Hardsigmoid(),
    "sub": _Call(lambda x: x - 1),
    "rsub": _Call(lambda x: 1 - x),
    "pow": _Call(lambda x: x**2),
    "_to_copy": _Call(lambda x: x.double()),
    "where": _Call(lambda x: torch.where(x > 0, x, 0)),
    "gt": _Call(lambda x: x > 0),
    "ge": _Call(lambda x: x >= 0),
    "lt": _Call(lambda x: x < 0),
    "le": _Call(lambda x: x <= 0),
    **{
        name: _Call(getattr(torch, name))
        for name in ("neg", "exp", "expm1", "log", "log1p", "sqrt", "erf", "abs", "sign")
    },
    "sin": _Call(torch.sin),
    "cos": _Call(torch.cos),
    "maximum": _Call(lambda x: torch.maximum(x, -x)),
    "minimum": _Call(lambda x: torch.minimum(x, -x)),
}
NORMS: dict[str, nn.Module] = {
    "batch_norm": nn.BatchNorm2d(4),
    "group_norm": nn.GroupNorm(2, 4),
    "layer_norm": nn.LayerNorm(8),
    "norm": nn.InstanceNorm2d(4),
    "scaled_dot_product": _Call(lambda x: F.scaled_dot_product_attention(x, x, x)),
}


def _traced(module: nn.Module) -> list[str]:
    return [op.name for op in trace_model(module, torch.randn(2, 4, 8, 8)).ops]


@pytest.mark.parametrize("name", PRODUCERS)
def test_layer_runs_the_operator_with_its_name(name: str) -> None:
    """ATen has an operator of this name, and the layer or function that it stands for runs it."""
    assert hasattr(torch.ops.aten, name)
    assert name in _traced(PRODUCERS[name])


@pytest.mark.parametrize("part", NORMS)
def test_norm_is_recognized_by_part_of_its_operator_name(part: str) -> None:
    """Each norm runs exactly one operator whose name contains the expected part."""
    assert sum(part in name for name in _traced(NORMS[part])) == 1


def test_in_place_operator_is_named_as_the_out_of_place_one() -> None:
    """A trace names `add_` and `relu_` as it names `add` and `relu`."""
    assert _traced(_Call(lambda x: x.clone().add_(1).relu_()))[1:] == ["clone", "add", "relu"]


@pytest.mark.parametrize("name", operators.STRIDE_ARGUMENT)
def test_stride_argument_has_the_expected_index(name: str) -> None:
    """Torch's schema has the stride, the kernel and `transposed` where the trace reads them."""
    arguments = getattr(torch.ops.aten, name).default._schema.arguments
    assert arguments[operators.STRIDE_ARGUMENT[name]].name == "stride"
    if name == "convolution":
        assert arguments[operators.TRANSPOSED_ARGUMENT].name == "transposed"
    else:
        assert arguments[1].name == "kernel_size"


def test_every_operator_name_in_the_code_is_tested() -> None:
    """This file tests every operator name, or part of one, that a trainer module compares with."""
    names, parts = set(), set()
    for path in sorted(TRAINERS.rglob("*.py")):
        tree = ast.parse(path.read_text())
        if not _looks_at_operators(tree):
            continue
        found_names, found_parts = _matched(tree, _module(path))
        names |= found_names
        parts |= found_parts
    assert names == PRODUCERS.keys()
    assert parts == NORMS.keys()


def _looks_at_operators(tree: ast.Module) -> bool:
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return bool({f"darkmagic.trainers.models.{m}" for m in ("graph", "operators")} & modules)


def _module(path: Path) -> ModuleType:
    parts = path.relative_to(TRAINERS).with_suffix("").parts
    return importlib.import_module(".".join(("darkmagic", "trainers", *parts)))


def _matched(tree: ast.Module, module: ModuleType) -> tuple[set[str], set[str]]:
    """Return the operator names that `tree` compares with, and the parts that it searches for."""
    names: set[str] = set()
    parts: set[str] = set()
    generators = {
        g.target.id: g.iter
        for node in ast.walk(tree)
        if isinstance(node, ast.GeneratorExp)
        for g in node.generators
        if isinstance(g.target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or len(node.comparators) > 1:
            continue
        (right,) = node.comparators
        if _is_name(node.left):
            names.update(_values(right, module))
        elif _is_name(right):
            left = generators.get(node.left.id) if isinstance(node.left, ast.Name) else node.left
            assert left is not None, ast.unparse(node)
            parts.update(_values(left, module))
    return names, parts


def _is_name(node: ast.expr) -> bool:
    """Return whether `node` is an operator's name: `op.name`, a variable of it, or its getter."""
    if isinstance(node, ast.Attribute):
        return node.attr == "name"
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "operator_name"
    return isinstance(node, ast.Name) and node.id == "operator"


def _values(node: ast.expr, module: ModuleType) -> Iterator[str]:
    """Yield the strings that `node`, an expression of `module`'s constants, stands for."""
    value = eval(ast.unparse(node), vars(module))
    yield from [value] if isinstance(value, str) else value
