"""Fields that are declared once: type, range, default, and whether they can change a result.

    @dataclass(frozen=True)
    class Cutout(Trick):
        pixels: int = whole(16, at_least=1)
        reference_size: int = whole(32, at_least=1)
        constraints: ClassVar[tuple[str, ...]] = ("pixels <= 2 * reference_size",)

A function, or a class that is no dataclass, declares its arguments in their annotations:

    @check_arguments
    def my_network(width: Annotated[int, whole(at_least=1)] = 16, num_classes: int = 10): ...

The checks of the command line and of YAML, the recipe, a trial's identity and the help are all
derived from these declarations. Torch is not imported here, and the arguments are constants, so
that a declaration can also be read from a class's source where torch is not imported.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from darkmagic.trainers.declare.expressions import holds, names_in
from darkmagic.trainers.declare.kinds import Declared, Kind, show

__all__ = [
    "DECLARERS",
    "broken_constraint",
    "check_arguments",
    "check_fields",
    "choice",
    "declared_arguments",
    "declared_fields",
    "flag",
    "number",
    "numbers",
    "pair",
    "size",
    "text",
    "whole",
    "with_default",
]

REQUIRED = dataclasses.MISSING
LIST_KINDS = (Kind.PAIR, Kind.NUMBERS, Kind.SIZE)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def number(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare a finite number: `number(0.1, above=0, below=1)`.

    Options of every declaration: `above`, `at_least`, `below`, `at_most` (the range), `null`
    (None is allowed, as it is where the default is None), `words` (strings that are allowed
    beside numbers), `changes_result=False` (not part of a trial's identity) and
    `configured=False` (no key of the configuration).
    """
    return _field(Kind.NUMBER, default, options)


def whole(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare a whole number: `whole(20, at_least=1)`; see `number`.

    With `step`, valid values are `at_least` plus its multiples.
    """
    return _field(Kind.WHOLE, default, options)


def flag(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare true or false; see `number`."""
    return _field(Kind.FLAG, default, options)


def text(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare text that is not empty; `pattern` is a regular expression for all of it, `such_as`
    describes that, and with `numeric` a number will do; see `number`.
    """
    return _field(Kind.TEXT, default, options)


def choice(default: Any = REQUIRED, choices: Any = (), **options: Any) -> Any:
    """Declare one of `choices`: a tuple of strings, or a `Literal` of them; see `number`."""
    words = choices if isinstance(choices, tuple) else get_args(choices)
    return _field(Kind.CHOICE, default, {**options, "words": tuple(map(str, words))})


def pair(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare two numbers in ascending order: `pair((0.1, 2.0), above=0)`; see `number`."""
    return _field(Kind.PAIR, default, options)


def numbers(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare a list of numbers, each within the range; see `number`."""
    return _field(Kind.NUMBERS, default, options)


def size(default: Any = REQUIRED, **options: Any) -> Any:
    """Declare a size in pixels: a whole number for a square, or [height, width]; see `number`."""
    return _field(Kind.SIZE, default, options)


DECLARERS = {f.__name__: f for f in (number, whole, flag, text, choice, pair, numbers, size)}
"""The functions above by name."""


def _field(kind: Kind, default: Any, options: dict[str, Any]) -> Any:
    declared = Declared(kind, default, **{"null": default is None, **options})
    metadata = {"declared": declared}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    problem = declared.problem("the default", default)
    if problem is not None:
        raise ValueError(f"default {show(default)}: {problem}")
    return dataclasses.field(default=default, metadata=metadata)


def declared_fields(cls: type) -> dict[str, Declared]:
    """Return the declared fields of the dataclass `cls` by name; none if it is no dataclass."""
    found = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return {f.name: f.metadata["declared"] for f in found if "declared" in f.metadata}


def check_fields(instance: object) -> None:
    """Check the declared fields of `instance`, a dataclass, against their types and ranges.

    Lists become tuples. Raises `ValueError`, one line, for the first field outside its range
    and for the first of the class's `constraints` that does not hold.
    """
    for name, declared in declared_fields(type(instance)).items():
        value = getattr(instance, name)
        _check(name, value, declared)
        if declared.kind in LIST_KINDS and isinstance(value, Sequence):
            object.__setattr__(instance, name, tuple(value))  # a frozen dataclass's own way
    problem = broken_constraint(getattr(type(instance), "constraints", ()), vars(instance))
    if problem is not None:
        raise ValueError(problem)


def with_default(declared: Declared, default: Any) -> Declared:
    """Return the declaration of an argument whose signature has `default`."""
    return dataclasses.replace(declared, default=default, null=declared.null or default is None)


def declared_arguments(function: Callable[..., Any]) -> dict[str, Declared]:
    """Return the arguments of `function` that are annotated with a declaration, by name."""
    found = {}
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        for extra in getattr(hints.get(name), "__metadata__", ()):
            if isinstance(extra, dataclasses.Field) and "declared" in extra.metadata:
                declared = extra.metadata["declared"]
                if parameter.default is not parameter.empty:
                    declared = with_default(declared, parameter.default)
                found[name] = declared
    return found


def check_arguments(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return `function` with a check of its declared arguments before each call.

    Raises `ValueError`, one line, for the first argument outside its range.

    >>> from typing import Annotated
    >>> @check_arguments
    ... def area(side: Annotated[float, number(above=0)]) -> float:
    ...     return side**2
    >>> area(-1.0)
    Traceback (most recent call last):
    ValueError: side=-1.0: need side > 0
    """
    signature = inspect.signature(function)
    declared = functools.cache(lambda: declared_arguments(function))  # names may be defined later

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            given = signature.bind_partial(*args, **kwargs).arguments
        except TypeError:  # which the call raises with the function's name
            given = {}
        for name, declaration in declared().items():
            if name in given:
                _check(name, given[name], declaration)
        return function(*args, **kwargs)

    return checked


def _check(name: str, value: Any, declared: Declared) -> None:
    problem = declared.problem(name, value)
    if problem is not None:
        raise ValueError(f"{name}={show(value)}: {problem}")


def broken_constraint(constraints: Sequence[str], values: Mapping[str, Any]) -> str | None:
    """Return a line about the first of `constraints` that `values` break; None if none."""
    for constraint in constraints:
        if not holds(constraint, values):
            given = ", ".join(f"{name}={show(values[name])}" for name in names_in(constraint))
            return f"{given}: need {constraint}"
    return None
