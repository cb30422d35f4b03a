"""What a sweep is asked for beyond its configuration: seeds added to those that there are.

`seeds=+2` and `only=undecided` depend on what the experiment has found so far, so they are no
values of a configuration that could be composed: they are taken off the command line first.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError

__all__ = ["UNDECIDED", "Request", "asked_for", "current_request", "split_request"]

UNDECIDED = "undecided"


@dataclass(frozen=True)
class Request:
    """`more_seeds` is added to the seeds of the trials in `only`: names of tricks or trials, or
    `undecided` for those without a verdict; empty stands for all. `words` ask for the sweep
    again, for the report to repeat. `combination` maps tricks to options that one trial
    takes together, beside the baseline, with `seeds`: that is how winners are confirmed.
    """

    more_seeds: int = 0
    only: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    combination: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    @property
    def extends_sweep(self) -> bool:
        """Whether what is to be trained depends on what was."""
        return bool(self.more_seeds or self.only)


def split_request(words: Sequence[str], options: Sequence[str] = ()) -> tuple[list[str], Request]:
    """Return the overrides among `words`, and the request that the others make.

    `options` are the command's own, such as `--config-dir conf`, to be repeated with them.
    """
    more_seeds = 0
    only: tuple[str, ...] = ()
    plain: list[str] = []
    for word in words:
        key, _, value = word.partition("=")
        if key == "only":
            only = tuple(name.strip(" '\"") for name in value.strip("[]").split(","))
            if not all(only):
                raise UserError(f"{word!r} names no trial; write only=undecided or only=[mixup]")
        elif key == "seeds" and value.startswith("+"):
            if not re.fullmatch(r"\+[1-9]\d*", value):
                raise UserError(f"cannot add {value!r} seeds; write seeds=+2")
            more_seeds = int(value)
        else:
            plain.append(word)
    repeated = [w for w in plain if w.partition("=")[0] not in ("seeds", "baseline_repeats")]
    return plain, Request(more_seeds, only, (*_as_typed(repeated), *options))


def _as_typed(words: Sequence[str]) -> list[str]:
    """Say `runtime.experiment='x'` as the option that it came from."""
    typed = []
    for word in words:
        key, _, value = word.partition("=")
        option = {"runtime.experiment": "--name", "runtime.out": "--out"}.get(key)
        typed += [word] if option is None else [option, value.strip("'")]
    return typed


_request: ContextVar[Request | None] = ContextVar("request", default=None)


def current_request() -> Request:
    """Return the request of this context, one for nothing more where none was set."""
    return _request.get() or Request()


@contextlib.contextmanager
def asked_for(request: Request) -> Iterator[None]:
    """Let sweeps inside this context do what `request` asks."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)
