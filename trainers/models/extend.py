"""A layer extended by a module before or after it, which keeps its names in state dicts."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["After", "Before", "Extended"]


class Extended(nn.Module):
    """A `layer`, and beside it a module `added` that is called `name`.

    In state dicts the layer's tensors keep the names they had without the other, so weights
    from before the edit load after it. A forward that reads the layer's attributes, such as
    `self.fc.in_features`, still finds them. (A hook on the layer would keep them too, but a copy
    of a norm, such as conversion to `SyncBatchNorm` makes, loses its hooks silently.)
    """

    def __init__(self, layer: nn.Module, name: str, added: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.name = name
        self.add_module(name, added)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the layer that this module does not have."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            layer = self.__dict__.get("_modules", {}).get("layer")
            if layer is None:  # not made yet, as while it is copied
                raise
            return getattr(layer, name)

    @property
    def added(self) -> nn.Module:
        """The module beside the layer."""
        return self.get_submodule(self.name)

    def state_dict(  # type: ignore[override]  # overloads by destination, which is passed on
        self, *args: Any, prefix: str = "", **kwargs: Any
    ) -> dict[str, Any]:
        """Return the layer's state under its own names, and the other's under `name`."""
        state = self.layer.state_dict(*args, prefix=prefix, **kwargs)
        return self.added.state_dict(
            **{**kwargs, "destination": state}, prefix=f"{prefix}{self.name}."
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for key in [key for key in state_dict if key.startswith(prefix)]:
            own = key.removeprefix(prefix)
            if not own.startswith(f"{self.name}."):
                state_dict[f"{prefix}layer.{own}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class After(Extended):
    """A layer, then another on its result, or on the first of several, such as attention has."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the added module's result on the layer's result, and the layer's others."""
        result = self.layer(*args, **kwargs)
        if isinstance(result, tuple):
            return (self.added(result[0]), *result[1:])
        return self.added(result)


class Before(Extended):
    """A layer whose input is first transformed by another module."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the layer's result on the added module's result on `x`."""
        result: Tensor = self.layer(self.added(x), *args, **kwargs)
        return result
