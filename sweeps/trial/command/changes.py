"""What an option of a trick changes in a command: words behind it, and its environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkmagic.checklist.errors import UserError

__all__ = ["OFF", "ON", "Change", "option_name", "read_change", "read_options"]

OFF, ON = "off", "on"
KEYS = ("args", "env")
VARIABLE = re.compile(r"([A-Z_][A-Z0-9_]*)=(.*)", re.DOTALL)
HOW = "write [--mixup, '0.2'], '--mixup 0.2', or {args: [...], env: {NAME: value}}"


@dataclass(frozen=True)
class Change:
    """The words and the variables of the environment that an option adds to a command."""

    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def read_change(value: Any, where: str) -> Change:
    """Return what `value` changes: words, a line of them as in a shell, or a mapping of both.

    Upper-case `NAME=value` at the beginning of a line are variables, as they are in a shell.
    `where` it stands is named in the `UserError` for another value.

    >>> read_change("AMP=1 --mixup 0.2", "trick mixup")
    Change(args=('--mixup', '0.2'), env={'AMP': '1'})
    >>> read_change(["optimizer=adam", 3], "trick optimizer").args
    ('optimizer=adam', '3')
    """
    if value is None:
        return Change()
    if isinstance(value, str):
        return _from_line(value, where)
    if isinstance(value, list):
        return Change(tuple(_word(each, where) for each in value))
    if isinstance(value, Mapping) and value and set(value) <= set(KEYS):
        env = value.get("env") or {}
        if isinstance(env, Mapping):
            args = read_change(value.get("args"), where)
            own = {str(name): _word(each, where) for name, each in env.items()}
            return Change(args.args, {**args.env, **own})
    raise UserError(f"{where}: cannot read {value!r}; {HOW}")


def _from_line(line: str, where: str) -> Change:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UserError(f"{where}: cannot read {line!r}: {str(error).lower()}") from None
    env = {}
    while words and (found := VARIABLE.fullmatch(words[0])):
        env[found[1]] = found[2]
        words = words[1:]
    return Change(tuple(words), env)


def _word(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise UserError(f"{where}: {value!r} is no word of a command; {HOW}")
    return str(value)


def read_options(trick: str, content: Any) -> dict[str, Any]:
    """Return the options of a trick by name, as a trainer's file has them.

    What is no mapping of options is the option `on`, beside `off`, which changes nothing.

    >>> read_options("mixup", "--mixup 0.2")
    {'off': None, 'on': '--mixup 0.2'}
    """
    if isinstance(content, Mapping) and not (content and set(content) <= set(KEYS)):
        options = {option_name(name): value for name, value in content.items()}
        if not options:
            raise UserError(f"trainer.tricks.{trick} has no options; write off: [] and on: [...]")
        return options
    return {OFF: None, ON: content}


def option_name(name: Any) -> str:
    """Return the name of an option; YAML reads `on` and `off` without quotes as true and false."""
    return {True: ON, False: OFF}[name] if isinstance(name, bool) else str(name)
