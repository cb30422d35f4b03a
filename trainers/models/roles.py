"""What each parameter is for: which of them decay, and which of them are hidden weights.

Roles come from what the network does with a parameter, and not from the order in which it was
registered: a position embedding is added to data, a class token is joined to them, and a hidden
weight has a layer before it and a layer behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatch
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._python_dispatch import TorchDispatchMode

from darkmagic.trainers.models.fast_path import without_fast_path
from darkmagic.trainers.models.graph import evaluating
from darkmagic.trainers.models.operators import ACTIVATIONS, operator_name, tensors_in

__all__ = ["Role", "mark_roles", "param_groups", "role_of", "split_hidden", "use_roles"]

Groups = list[dict[str, Any]]

_NAMES_ATTRIBUTE = "darkmagic_roles"  # of the model, outside its state dict: roles by name
_ROLE_ATTRIBUTE = "darkmagic_role"  # of a parameter
_LAYERS = (nn.Linear, nn.Bilinear, _ConvNd, nn.RNNBase, nn.MultiheadAttention)
_SCALES = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.PReLU, nn.Embedding)
_APART = (  # operations that keep channels apart, and join, pick or repeat
    *("add", "sub", "rsub", "mul", "div", "lerp", "addcmul", "cat", "stack", "where"),
    *("index", "index_put", "copy", "masked_fill", "maximum", "minimum", "pow"),
)


class Role(StrEnum):
    """What a parameter is for.

    >>> Role.HIDDEN in list(Role)
    True
    """

    HIDDEN = "hidden"
    """The weight of a layer between others."""
    OUTER = "outer"
    """The weight of a first or a last layer, or of one that evaluation does not use."""
    UNDECAYED = "undecayed"
    """Biases, scales, position embeddings, tokens and tables of relative biases."""


def mark_roles(model: nn.Module, example: Tensor) -> None:
    """Find the role of each parameter by running `model` on `example` (B, C, H, W).

    They are kept by name, beside the state dict, and follow a copy of the model.
    """
    images = example.clone()  # a network may work in place
    uses = _Uses(model, images)
    try:
        with evaluating(model), without_fast_path(), uses:
            model(images)
    except Exception:  # noqa: BLE001 (a network that runs, but for the recording: roles by kind)
        return
    model.__dict__[_NAMES_ATTRIBUTE] = dict(_roles(model, uses))


def use_roles(model: nn.Module) -> None:
    """Give each parameter of `model` its role, which `role_of` reads.

    Without `mark_roles` a weight is hidden unless its kind or its shape says otherwise.
    """
    found: Mapping[str, Role] = model.__dict__.get(_NAMES_ATTRIBUTE, {})
    kinds = _by_kind(model)
    for name, parameter in model.named_parameters():
        role = found.get(name) or kinds.get(name)
        if role is not None:
            setattr(parameter, _ROLE_ATTRIBUTE, role)


def role_of(parameter: Tensor) -> Role | None:
    """Return the role that `use_roles` gave; without one, UNDECAYED for vectors, else None.

    >>> role_of(nn.Parameter(torch.zeros(3))), role_of(nn.Parameter(torch.zeros(3, 3)))
    (<Role.UNDECAYED: 'undecayed'>, None)
    """
    role: Role | None = getattr(parameter, _ROLE_ATTRIBUTE, None)
    if role is None and parameter.ndim <= 1:
        return Role.UNDECAYED
    return role


def param_groups(model: nn.Module) -> Groups:
    """Return the weights that decay, then what never does: biases, scales, embeddings, tokens."""
    use_roles(model)
    trained = [p for p in model.parameters() if p.requires_grad]
    spared = {id(p) for p in trained if role_of(p) is Role.UNDECAYED}
    return [
        {"params": [p for p in trained if id(p) not in spared], "weight_decay": 0.0},
        {"params": [p for p in trained if id(p) in spared], "weight_decay": 0.0},
    ]


def split_hidden(groups: Groups) -> tuple[Groups, Groups]:
    """Return the groups of hidden weights and those of all other parameters.

    Of parameters without a role, as in groups that were made by hand, those of two dimensions or
    more are hidden, but the first and the last of them.
    """
    parameters = [p for group in groups for p in group["params"]]
    unknown = [p for p in parameters if role_of(p) is None]
    hidden = {id(p) for p in parameters if role_of(p) is Role.HIDDEN}
    hidden |= {id(p) for p in unknown[1:-1]}
    parts = (
        [{**g, "params": [p for p in g["params"] if (id(p) in hidden) is inside]} for g in groups]
        for inside in (True, False)
    )
    within, outside = ([group for group in part if group["params"]] for part in parts)
    return within, outside


def _by_kind(model: nn.Module, products: Collection[str] = ()) -> dict[str, Role | None]:
    """Return UNDECAYED, or None for weights, where the kind of module or the shape tells.

    Parameters that neither tells of are left out. timm's `no_weight_decay` has the last word.
    `products` are parameters that data are multiplied by as by a matrix, whatever their shape.
    """
    spared = list(_spared_by_author(model))
    found: dict[str, Role | None] = {}
    for path, module in model.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            name = f"{path}.{own}" if path else own
            gain = isinstance(module, (*_LAYERS, ParametrizationList))  # of a layer's weight
            vector = max(parameter.shape, default=1) == parameter.numel()
            scale = isinstance(module, _SCALES) or (vector and (gain or name not in products))
            if parameter.ndim <= 1 or any(fnmatch(name, pattern) for pattern in spared):
                found[name] = Role.UNDECAYED
            elif isinstance(module, _LAYERS) and "weight" in own and own != "weight_g":
                found[name] = None
            elif scale:
                found[name] = Role.UNDECAYED
    return found


def _spared_by_author(model: nn.Module) -> Iterator[str]:
    """Yield what modules name in `no_weight_decay`, by timm's protocol: a method or a set."""
    for path, module in model.named_modules():
        names = getattr(module, "no_weight_decay", None)
        for name in names() if callable(names) else names or ():
            yield f"{path}.{name}" if path else str(name)


def _roles(model: nn.Module, uses: _Uses) -> Iterator[tuple[str, Role]]:
    kinds = _by_kind(model, uses.before)
    behind_any = frozenset[str]().union(*uses.before.values())
    for name, _ in model.named_parameters():
        if kinds.get(name) is not None:
            yield name, Role.UNDECAYED
        elif name in uses.before:
            inner = bool(uses.before[name] - {name}) and name in behind_any
            yield name, Role.HIDDEN if inner else Role.OUTER
        elif name in kinds or name not in uses.apart:
            yield name, Role.OUTER  # a weight that evaluation does not use
        else:
            yield name, Role.UNDECAYED


class _Uses(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch's is untyped
    """Records with which operations a network's data meet its parameters.

    `before` has the weights by name, and with each the weights that were used on its data before
    it; `apart` those parameters that are added to data, joined to them or multiplied by them.
    """

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.before: dict[str, frozenset[str]] = {}
        self.apart: set[str] = set()
        wide = [(name, p) for name, p in model.named_parameters() if p.ndim > 1]
        self._made_of = {id(p): frozenset([name]) for name, p in wide}
        self._history = {id(images): frozenset[str]()}  # of data: the weights used on them
        self._alive: list[Tensor] = [images]  # so that no id is given twice

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        made = list(tensors_in(result))
        if not made:
            return result
        name = operator_name(func)
        read = list(tensors_in((args, kwargs)))
        names = self._names(read)
        history = [self._history[id(t)] for t in read if id(t) in self._history]
        if not history:  # parameters alone, reshaped or combined
            if names:
                self._made_of.update((id(t), names) for t in made)
                self._alive += made
            return result
        past = frozenset[str]().union(*history)
        apart = (
            names if _keeps_apart(name) else self._names(tensors_in(_beside(name, args, kwargs)))
        )
        self.apart |= apart
        for weight in names - apart:
            self.before[weight] = self.before.get(weight, frozenset()) | past
        self._history.update((id(t), past | (names - apart)) for t in made)
        self._alive += made
        return result

    def _names(self, tensors: Any) -> frozenset[str]:
        found = [self._made_of[id(t)] for t in tensors if id(t) in self._made_of]
        return frozenset[str]().union(*found)


def _keeps_apart(name: str) -> bool:
    return name in _APART or name in ACTIVATIONS or "norm" in name


def _beside(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of a product that are added to its result, or mask it."""
    if name in ("addmm", "baddbmm", "addbmm"):
        return [args[0]]
    if "scaled_dot_product" in name:
        return [*args[3:], *kwargs.values()]
    return []
