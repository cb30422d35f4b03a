"""Reader of a `checklist` node of the configuration: the domain's `Checklist`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.sweeps.compose.config_files import composition_errors
from darkmagic.sweeps.compose.groups import OFF, read_retune, trick_names
from darkmagic.sweeps.compose.session import compose, group_options
from darkmagic.trainers.declare.kinds import show

__all__ = ["read_checklist"]

EXAMPLE = "{name: mixup, section: regularisation, options: ['off', 'on']}"
MAPPED = "options of the command"
"""The section of tricks that a trainer maps and no checklist lists."""
MAPPED_ROWS = "mapped"
"""Alone in place of rows: those that a trainer maps."""
KEYS = ("name", "tricks", "extends")
ROW_KEYS = ("name", "section", "options", "vanilla")
SWITCHES = {True: "on", False: OFF}
"""The options that YAML reads as true and false where they are written without quotes."""


def read_checklist(
    loader: ConfigLoader,
    node: DictConfig,
    files: Sequence[str] = (),
    also: Mapping[str, Sequence[str]] | None = None,
) -> Checklist:
    """Return the checklist that `node` describes, each option checked to have a file.

    `off` needs no file: a trick without a file of that name is left out of the trial. The tricks
    of the checklist that it `extends`, if any, come first; `files` are those of this checklist
    and of the ones that extend it, outermost first. `also` are options by trick that need no
    file, as a trainer maps them.

    Raises `UserError` for a row that cannot be read, and for a trick or an option without a file.
    """
    with composition_errors("the checklist"):
        content = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    if not isinstance(content, dict):
        raise UserError(f"checklist={show(content)}: need name: NAME and tricks: [{EXAMPLE}]")
    if content.get("name") in (None, ""):
        raise UserError("checklist has no name; write name: mine in its file")
    name = _text(content["name"], "checklist.name")
    for key in content:
        if key not in KEYS:
            raise UserError(f"checklist {name!r} has no key {show(key)}; {nearest(str(key), KEYS)}")
    tricks = list(_extended(loader, name, content.get("extends"), files, also or {}))
    if content.get("tricks") is None and not tricks:
        raise UserError(f"checklist {name!r} has no tricks; write tricks: [{EXAMPLE}]")
    rows = _rows(name, content.get("tricks"), also or {})
    tricks += [_trick(loader, name, row, also or {}) for row in rows]
    return Checklist(name, tuple(tricks))


def _rows(name: str, rows: Any, also: Mapping[str, Sequence[str]]) -> list[Any]:
    if rows is None:
        return []
    if rows == [MAPPED_ROWS]:
        return [{"name": each, "section": MAPPED, "options": list(also[each])} for each in also]
    if not isinstance(rows, list):
        raise UserError(f"checklist {name!r}: tricks={show(rows)}: write a list, [{EXAMPLE}]")
    return rows


def _trick(loader: ConfigLoader, name: str, row: Any, also: Mapping[str, Sequence[str]]) -> Trick:
    """Return the trick of a row, which has its keys and no others."""
    keys = row.keys() if isinstance(row, dict) else set()
    if not keys >= {"name", "section", "options"} or not isinstance(row["options"], list):
        missing = sorted({"name", "section", "options"} - set(keys)) if keys else []
        without = f" (it has no {' and no '.join(missing)})" if missing else ""
        raise UserError(
            f"checklist {name!r}: cannot read the row {show(row)}{without}; write {EXAMPLE}"
        )
    for key in keys:
        if key not in ROW_KEYS:
            raise UserError(
                f"checklist {name!r}: a row has no key {show(key)}; {nearest(str(key), ROW_KEYS)}"
            )
    where = f"checklist {name!r}: "
    trick = _text(row["name"], f"{where}the name of a trick")
    every = {*trick_names(loader), *also}
    if trick not in every:
        raise UserError(
            f"checklist {name!r} names trick {trick!r}, which has no folder under trick/; "
            + nearest(trick, every)
        )
    known = [*group_options(loader, f"trick/{trick}"), *also.get(trick, ())]
    options = tuple(_option(each, f"{where}an option of {trick}") for each in row["options"])
    for option in options:
        if option not in known and option != OFF:
            raise UserError(
                f"checklist {name!r}: trick {trick!r} has no option {option!r}; "
                + nearest(option, known)
            )
    vanilla = row.get("vanilla")
    return Trick(
        trick,
        _text(row["section"], f"{where}the section of {trick}"),
        options,
        None if vanilla is None else _option(vanilla, f"{where}vanilla of {trick}"),
        {o: names for o in options if (names := read_retune(loader, trick, o))},
    )


def _option(value: Any, what: str) -> str:
    """Return the name of an option; `off` and `on` without quotes are options too."""
    return SWITCHES[value] if isinstance(value, bool) else _text(value, what)


def _text(value: Any, what: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise UserError(f"{what}={show(value)}: need a name, in quotes where YAML reads no text")
    return str(value)


def _extended(
    loader: ConfigLoader,
    name: str,
    other: Any,
    files: Sequence[str],
    also: Mapping[str, Sequence[str]],
) -> tuple[Trick, ...]:
    if other is None:
        return ()
    known = group_options(loader, "checklist")
    if not isinstance(other, str) or other not in known:
        raise UserError(
            f"checklist {name!r} extends {show(other)}, which there is not; "
            + nearest(str(other), known)
        )
    if other in files:
        circle = " -> ".join([*files[files.index(other) :], other])
        raise UserError(f"checklist {name!r} extends itself: {circle}; leave one extends out")
    node = compose(loader, [f"checklist={other}"])
    return read_checklist(loader, node.get("checklist"), [*files, other], also).tricks
