"""From a model and a data set, as Python objects, to the words that configure them.

A configuration is written down, sent to other processes and hashed, so that it holds names and
plain values: what can be given by its name is, a function or class without one is kept by value,
and a live object, which trials would share and change, is refused with what to give instead.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.study.by_value import importable, keep
from darkmagic.study.words import text

__all__ = ["Data", "Model", "data_words", "model_words"]

Model = str | Mapping[str, Any] | Callable[..., Any]
"""A name, a `_target_` with its fields, or what makes a network: a class or a function."""
Data = str | Path | Mapping[str, Any] | Callable[..., Any] | object
"""A name, a folder, a `_target_` with its fields, one of our data sets, or what makes one."""
HERE = "darkmagic.study.by_value"
LIBRARIES = ("timm", "torchvision")
PLAIN = (str, int, float, bool, type(None), list, tuple, dict)


def model_words(model: Model) -> Iterator[str]:
    """Yield the words that choose `model`. Raises `UserError` for a live network.

    >>> list(model_words("resnet20")), list(model_words("timm:resnet26d"))
    (['model=resnet20'], ['model=timm', 'model.build.name=resnet26d'])
    """
    if isinstance(model, str):
        library, colon, name = model.partition(":")
        if colon and library in LIBRARIES:
            yield from (f"model={library}", f"model.build.name={text(name)}")
            return
        if not _is_dotted(model):
            yield f"model={model}"
            return
    if _is_network(model):
        name = type(model).__name__
        raise UserError(
            f"model is a live {name}, which every trial would train further; give what makes a "
            f"new one: model={name} with no arguments but num_classes, in_channels and "
            f"image_size, or model=lambda num_classes: {name}(...)"
        )
    name, node = _node(model, "model", "model=resnet20, model='my_package.MyNet' or a function")
    yield from ("model=own", f"model.name={text(name)}")
    if node["_target_"].startswith(HERE):  # it returns the function, which builds the network
        node = {**node, "_target_": f"{HERE}.load", "_partial_": False}
    yield from _fields("model.build", node)


def data_words(data: Data) -> Iterator[str]:
    """Yield the words that choose `data`. Raises `UserError` for an object without a name.

    >>> list(data_words("digits")), list(data_words(Path("photos")))
    (['dataset=digits'], ['dataset=folder', 'dataset.source.root=photos'])
    """
    if isinstance(data, Path) or (isinstance(data, str) and ("/" in data or Path(data).is_dir())):
        yield from ("dataset=folder", f"dataset.source.root={text(str(data))}")
        return
    if isinstance(data, str) and not _is_dotted(data):
        yield f"dataset={data}"
        return
    fields = _dataclass_node(data)
    if fields is None and not (callable(data) or isinstance(data, str | Mapping)):
        kind = type(data).__name__
        raise UserError(
            f"data is a live {kind}, which no configuration can hold; give what makes it: "
            "data=lambda: ..., a function or a class, a folder of images, or a name such as "
            "data='cifar10'"
        )
    name, node = fields or _node(data, "data", "data='cifar10', a folder, or a function")
    yield from ("dataset=own", f"dataset.name={text(name)}")
    yield from _fields("dataset.source", node)


def _fields(prefix: str, node: Mapping[str, Any]) -> Iterator[str]:
    yield f"{prefix}._target_={node['_target_']}"
    for name, value in node.items():
        if name != "_target_":
            plus = "" if name == "_partial_" else "+"
            yield f"{plus}{prefix}.{name}={text(value)}"


def _node(thing: Any, what: str, such_as: str) -> tuple[str, dict[str, Any]]:
    """Return a name for `thing`, and its `_target_` with its fields."""
    if isinstance(thing, str):
        return thing.rpartition(".")[2], {"_target_": thing}
    if isinstance(thing, Mapping):
        target = thing.get("_target_")
        if not isinstance(target, str):
            raise UserError(f"{what} is a mapping without _target_; give {such_as}")
        return target.rpartition(".")[2], dict(thing)
    if not callable(thing):
        raise UserError(f"{what} is {thing!r}; give {such_as}")
    _refuse_required(thing, what)
    if isinstance(thing, functools.partial) and not thing.args:
        target = importable(thing.func)
        if target is not None and all(map(_is_plain, thing.keywords.values())):
            return target.rpartition(".")[2], {"_target_": target, **thing.keywords}
    target = importable(thing)
    if target is not None:
        return target.rpartition(".")[2], {"_target_": target}
    kept = keep(thing)
    return f"{kept['name']}-{kept['digest'][:6]}", {"_target_": f"{HERE}.call", **kept}


def _refuse_required(thing: Callable[..., Any], what: str) -> None:
    """Raise `UserError` where `thing` needs arguments that nobody gives it."""
    given = ("num_classes", "in_channels", "image_size") if what == "model" else ()
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):  # of C, which says so when it is called
        return
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name not in given
    ]
    if needed:
        of = f"only {', '.join(given[:2])} and {given[2]}" if given else "nothing"
        name = getattr(thing, "__name__", repr(thing))
        raise UserError(
            f"{what}={name} needs {', '.join(needed)}, and it is given {of}; bind the rest: "
            f"{what}=functools.partial({name}, {needed[0]}=...)"
        )


def _dataclass_node(thing: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the node of one of our data sets, or of another dataclass of plain fields."""
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return None
    target = importable(type(thing))
    values = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.init}
    values = {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
    if target is None or not hasattr(thing, "load") or not all(map(_is_plain, values.values())):
        return None
    return type(thing).__name__.lower(), {"_target_": target, **values}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)


def _is_dotted(name: str) -> bool:
    return "." in name and all(part.isidentifier() for part in name.split("."))


def _is_network(thing: Any) -> bool:
    """Whether `thing` is a module of torch, told without importing torch."""
    return any(cls.__module__ == "torch.nn.modules.module" for cls in type(thing).__mro__)
