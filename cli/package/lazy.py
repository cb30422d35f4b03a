"""Public names of a package, each imported when it is first asked for.

A package's `__init__.pyi` says what is public, a line `from darkmagic.room.file import Name as
Name` each: type checkers read it, and `export_stub` makes it true at run time. A name is
therefore written once, and importing the package imports nothing else.

A function may have the name of a sub-package, as `darkmagic.checklist` has: then the name means the
sub-package, which can be called. Every import of it goes on to work, in whichever order.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["CallablePackage", "LazyPackage", "export_stub", "read_stub"]


class LazyPackage(ModuleType):
    """A package whose public names are imported when they are first asked for.

    A public name always means the public object. Python binds a submodule to its package when
    it imports it, so that `darkmagic.trainers.train` would be the function or the module
    `train.py`, whichever was asked for first; here the binding of such a module is left out.
    `from darkmagic.trainers.train import train` needs none.

    A sub-package of the name that has public names of its own is bound all the same, and made a
    `CallablePackage`.
    """

    _exports: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        """Import the public `name`; raise `AttributeError` with the nearest ones for another."""
        module = self._exports.get(name)
        if module == self.__name__:  # `from darkmagic import tricks`: a package in this one
            return importlib.import_module(f"{module}.{name}")
        if module is None:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}"
                + ("" if name.startswith("_") else _suggestion(name, self._exports))
            )
        if _is_package(f"{self.__name__}.{name}"):
            importlib.import_module(f"{self.__name__}.{name}")  # binds one with public names here
            if name in self.__dict__:
                return self.__dict__[name]
        value = getattr(importlib.import_module(module), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, but for a submodule that has the name of a public object."""
        module = self._exports.get(name, self.__name__)
        if isinstance(value, ModuleType) and module != self.__name__:
            if not isinstance(value, LazyPackage):
                return
            value.__class__ = CallablePackage
            value.__dict__["_function"] = module, name
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """Pickle by name, as what a function uses of its module is sent to another process."""
        return importlib.import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        """Return the names of the package, public ones that nobody asked for yet included."""
        return sorted({*super().__dir__(), *self._exports})


class CallablePackage(LazyPackage):
    """A package of the name of a public function, which it calls when it is called."""

    _function: tuple[str, str]

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function: `inspect` and notebooks show its signature."""
        module, name = self._function
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **options)


def _is_package(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None


def export_stub(package: str) -> None:
    """Let `package`, which is being imported, export what its `__init__.pyi` says.

    Sets its `__all__`, sorted.
    """
    module = sys.modules[package]
    exports = read_stub(Path(str(module.__file__)).with_suffix(".pyi"))
    module.__dict__["_exports"] = exports
    module.__dict__["__all__"] = sorted(exports)
    module.__class__ = LazyPackage


def read_stub(path: Path) -> dict[str, str]:
    """Return by public name the module that defines it, as the stub at `path` imports them."""
    return {
        alias.name: node.module
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }


def _suggestion(name: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""
