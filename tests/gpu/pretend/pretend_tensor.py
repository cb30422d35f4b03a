"""Tensors that say `cuda`, computed on the CPU with CUDA's rules, and the mode that computes them.

Mixed devices raise, and so does float64 where it is refused, as on MPS. What would wait for the
device is noted, and raises where that is refused or a step is being captured. Launches and copies
are counted.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["Pretend", "PretendMode", "Record", "WouldWaitError"]

aten = torch.ops.aten
GPU = torch.device("cuda:0")
NO_LAUNCH = {
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "permute", "transpose", "t", "movedim"),
    *("expand", "slice", "select", "narrow", "chunk", "split", "split_with_sizes", "unbind"),
    *("unsqueeze", "squeeze", "unfold", "diagonal", "as_strided", "view_as_real"),
    *("detach", "alias", "lift_fresh", "set_", "resize_", "record_stream"),
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"),
    *("is_same_size", "size", "stride", "numel", "storage_offset", "_local_scalar_dense"),
}
"""Operators that start no kernel: views, allocations, and questions of shape."""
WAITS = {
    *("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "bincount"),
    *("_unique2", "unique_dim", "unique_consecutive", "repeat_interleave.Tensor", "histc"),
}
"""Operators whose result, or its size, the host has to know."""
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
ALIASES = {"detach", "alias"}

Record = tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any], Any]
"""A captured call: function, arguments, keyword arguments, and what it returned."""


class WouldWaitError(RuntimeError):
    """An operation would wait for the device where that is refused."""


class Pretend(Tensor):
    """A tensor on `cuda:0` whose numbers are those of `host`, a tensor of the CPU."""

    mode: ClassVar[PretendMode | None] = None
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls: type[Self], host: Tensor) -> Self:
        with torch.inference_mode(mode=False):  # a view of a weight is none of inference either
            return torch.Tensor._make_wrapper_subclass(
                cls,
                host.shape,
                strides=host.stride(),
                storage_offset=host.storage_offset(),
                dtype=host.dtype,
                layout=host.layout,
                device=GPU,
                requires_grad=False,
            )

    def __init__(self, host: Tensor) -> None:
        self.host = host

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        with torch.no_grad():
            copied: Tensor = self.clone()
        if getattr(self, "_is_param", False):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied

    def tolist(self) -> Any:
        assert self.mode is not None
        self.mode.wait("tolist")
        return self.host.tolist()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def data_ptr(self) -> int:
        return self.host.data_ptr()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.host.detach().clone().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"Pretend({self.host!r})"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        assert cls.mode is not None
        return cls.mode.run(func, args, kwargs or {})


class PretendMode(TorchDispatchMode):
    """Runs operators on `Pretend` tensors; counts launches, copies by direction, and waits."""

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.waits: list[str] = []
        self.refuse_waits = False
        self.refuse_doubles = False
        self.recording: list[Record] | None = None

    def clear(self) -> None:
        """Begin to count anew."""
        self.launches.clear()
        self.copies.clear()
        self.waits.clear()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        return self.run(func, args, kwargs or {})

    def wait(self, what: str) -> None:
        """Note that the host waits for the device; raise where CUDA would."""
        self.waits.append(what)
        if self.recording is not None:
            raise RuntimeError(
                f"CUDA error: operation not permitted when stream is capturing ({what})"
            )
        if self.refuse_waits:
            raise WouldWaitError(f"called a synchronizing CUDA operation ({what})")

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Return what `func` returns, on the device on which CUDA would return it."""
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
            with self:
                return func.decompose(*args, **kwargs)
        name = func._schema.name.removeprefix("aten::")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        device = kwargs.get("device")
        target = None if device is None else torch.device(device).type
        if target != "cuda" and not any(isinstance(tensor, Pretend) for tensor in tensors):
            return func(*args, **kwargs)
        if name == "copy_" and isinstance(args[0], Pretend) != isinstance(args[1], Pretend):
            return self._copy_between(*args, **kwargs)
        if name == "_to_copy":
            self._count_copy(tensors[0], target, blocking=not kwargs.get("non_blocking"))
        else:
            self._check(func, name, args, tensors)
        special = {
            "_local_scalar_dense": lambda args: func(args[0].host),
            "cudnn_batch_norm": self._batch_norm,
            "cudnn_batch_norm_backward": self._batch_norm_backward,
        }
        return special[name](args) if name in special else self._compute(func, name, args, kwargs)

    def _compute(self, func: Any, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
        on_host, keywords = tree_map(_host, (list(args), dict(kwargs)))
        if keywords.get("device") is not None:
            keywords["device"] = torch.device("cpu")
        if name == "_to_copy":
            keywords.pop("non_blocking", None)
        found = func(*on_host, **keywords)
        if self.recording is not None and name not in ALIASES:
            self.recording.append((func, on_host, keywords, found))
        device = kwargs.get("device") if name == "_to_copy" else None
        down = device is not None and torch.device(device).type == "cpu"
        if self.refuse_doubles and not down:
            self._refuse_doubles(found)
        return found if down else _wrap(func, args, kwargs, found)

    def _refuse_doubles(self, found: Any) -> None:
        """Raise what MPS raises, whose tensors are of no float64."""
        if any(isinstance(t, Tensor) and t.dtype is torch.float64 for t in tree_leaves(found)):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support "
                "float64. Please use float32 instead."
            )

    def _copy_between(self, target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        down = not isinstance(target, Pretend)
        self.copies["D2H" if down else "H2D"] += 1
        if down or not non_blocking:
            self.wait("copy_ between devices")
        _host(target).copy_(_host(source))
        return target

    def _count_copy(self, source: Tensor, target: str | None, *, blocking: bool) -> None:
        if isinstance(source, Pretend):
            if target != "cpu":
                self.launches["_to_copy"] += 1
                return
            self.wait(f"copy to the CPU of {tuple(source.shape)}")
            self.copies["D2H"] += 1
            return
        self.copies["H2D"] += 1
        if blocking:
            self.wait(f"blocking copy to the GPU of {tuple(source.shape)}")
        if self.recording is not None:
            raise RuntimeError("a copy from the host was captured")

    def _check(self, func: Any, name: str, args: Any, tensors: list[Tensor]) -> None:
        """Hold an operator to CUDA's rules, and count it."""
        if name in WAITS or f"{name}.{func._overloadname}" in WAITS:
            self.wait(name)
        if name in INDEXING:
            for index in args[1]:
                if index is not None and not isinstance(index, Pretend):
                    self.wait(f"{name} by indices on the CPU")
                if index is not None and index.dtype in {torch.bool, torch.uint8}:
                    self.wait(f"{name} by a mask")
        elif name != "copy_" and any(t.ndim > 0 and not isinstance(t, Pretend) for t in tensors):
            found = [("cuda" if isinstance(t, Pretend) else "cpu", tuple(t.shape)) for t in tensors]
            raise RuntimeError(f"Expected all tensors to be on the same device, {func}: {found}")
        if name not in NO_LAUNCH and not name.startswith("sym_"):
            self.launches[name] += 1

    def _batch_norm(self, args: Any) -> tuple[Tensor, ...]:
        x, weight, bias, mean, variance, training, momentum, eps = map(_host, args)
        call = functools.partial(
            torch.native_batch_norm,
            *(x, weight, bias, mean, variance, training, momentum, eps),
        )
        out, saved_mean, saved_inverse = call()
        if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
            out = out.contiguous(memory_format=torch.channels_last)
        if self.recording is not None:
            self.recording.append((call, [], {}, (out, saved_mean, saved_inverse)))
        reserve = torch.empty(0, dtype=torch.uint8)
        return tuple(map(Pretend, (out, saved_mean, saved_inverse, reserve)))

    def _batch_norm_backward(self, args: Any) -> tuple[Tensor, ...]:
        x, dy, weight, mean, variance, saved_mean, saved_inverse, eps, _ = map(_host, args)
        call = functools.partial(
            aten.native_batch_norm_backward,
            *(dy, x, weight, mean, variance, saved_mean, saved_inverse, True, eps, [True] * 3),
        )
        out = call()
        if self.recording is not None:
            self.recording.append((call, [], {}, out))
        return tuple(map(Pretend, out))


def _host(value: Any) -> Any:
    return value.host if isinstance(value, Pretend) else value


def _wrap(func: Any, args: Any, kwargs: dict[str, Any], found: Any) -> Any:
    """Return `found` with its tensors on the device; what `func` wrote to is that argument."""
    returns = func._schema.returns
    if not returns:
        return found
    wrapped = []
    for index, value in enumerate(found if isinstance(found, tuple | list) else [found]):
        alias = returns[min(index, len(returns) - 1)].alias_info
        if alias is not None and alias.is_write:
            wrapped.append(_argument(func, args, kwargs, alias))
        else:
            wrapped.append(tree_map(lambda v: Pretend(v) if isinstance(v, Tensor) else v, value))
    if isinstance(found, tuple | list):
        return type(found)(wrapped)
    return wrapped[0]


def _argument(func: Any, args: Any, kwargs: dict[str, Any], alias: Any) -> Any:
    for index, spec in enumerate(func._schema.arguments):
        if spec.alias_info is not None and spec.alias_info.before_set == alias.before_set:
            in_order = index < len(args) and not spec.kwarg_only
            return args[index] if in_order else kwargs[spec.name]
    raise AssertionError(func)
