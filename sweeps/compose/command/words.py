"""Overrides of a comparison that is typed whole: `darkmagic compare --change ... -- COMMAND`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.compose.parse_overrides import quote
from darkmagic.sweeps.trial.command.changes import OFF, ON, read_change
from darkmagic.trainers.command.spec import PLACEHOLDERS

__all__ = ["compare_overrides", "literal"]

NAME = re.compile(r"[A-Za-z0-9_][\w.-]*")
PLAIN = re.compile(r"(--?)?[A-Za-z][A-Za-z0-9_./-]*")
WORDS_OF_YAML = ("true", "false", "null", "none", "nan", "inf", "-inf", "yes", "no", "on", "off")
"""What an override does not take as text."""
HOW = "write --change 'NAME=WORDS', such as --change 'mixup=--mixup 0.2'"


def compare_overrides(
    command: Sequence[str], changes: Sequence[str], settings: Mapping[str, Any]
) -> list[str]:
    """Return the overrides of the sweep that compares `command` with each of `changes`.

    A change is `name=words` or, where a trick has several options, `name:option=words`; the words
    go behind the command. `settings` are keys of the trainer; those that are None are left out.
    Raises `UserError` for a change that cannot be read, and for a placeholder that there is not.

    >>> compare_overrides(["train"], ["mixup=--mixup 0.2"], {"metric": "acc"})[:3]
    ['trainer=command', 'trainer.name=train', 'trainer.command=[train]']
    """
    if not command:
        raise UserError("no command to compare; write it behind --: -- python train.py")
    if not changes:
        raise UserError(f"nothing to compare the command with; {HOW}")
    for word in command:
        _check_placeholders(word)
    tricks: dict[str, dict[str, Any]] = {}
    for change in changes:
        name, equals, words = change.partition("=")
        trick, _, option = name.partition(":")
        if not equals or not NAME.fullmatch(trick) or not NAME.fullmatch(option or ON):
            raise UserError(f"cannot read --change {change!r}; {HOW}")
        options = tricks.setdefault(trick, {OFF: {"args": [], "env": {}}})
        if (option or ON) in options:
            raise UserError(f"--change {name} is given twice; name another option: {trick}:other=")
        read = read_change(words, f"--change {name}")
        options[option or ON] = {"args": list(read.args), "env": dict(read.env)}
    return [
        "trainer=command",
        f"trainer.name={literal(_name(command))}",
        f"trainer.command={literal(list(command))}",
        *(f"trainer.{k}={literal(v)}" for k, v in settings.items() if v not in (None, [], ())),
        *(f"+trainer.tricks.{trick}={literal(options)}" for trick, options in tricks.items()),
        "checklist.name=compare",
    ]


def literal(value: Any) -> str:
    """Return `value` as an override has it, in which nothing is interpolated.

    >>> literal({"on": ["--lr", "1e-3"], "env": {}})
    "{on:[--lr,'1e-3'],env:{}}"
    """
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(literal, value)) + "]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    text = str(value)
    if PLAIN.fullmatch(text) and text.lower() not in WORDS_OF_YAML:
        return text
    return quote(text.replace("${", r"\${"))


def _name(command: Sequence[str]) -> str:
    """Return a short name of a command: that of its script, or of its program."""
    scripts = [word for word in command if word.endswith((".py", ".sh"))]
    stem = PurePath((scripts or list(command))[0]).stem
    return re.sub(r"[^\w.-]", "_", stem)[:40] or "command"


def _check_placeholders(word: str) -> None:
    for name in re.findall(r"\{([A-Za-z_]+)\}", word):
        close = nearest(name, PLACEHOLDERS)
        if name not in PLACEHOLDERS and close.startswith("did you mean"):
            raise UserError(f"{word!r} has no placeholder {{{name}}}; {close}")
